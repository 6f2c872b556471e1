#include "symbolize/binary_finder.h"

#include <algorithm>

#include "symbolize/debug_files.h"

namespace stoker::symbolize {
namespace {

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  });
  return lower;
}

// A build id becomes part of a path: hexadecimal, or it is none.
bool is_build_id(std::string_view text) {
  return text.size() > 2 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

BinaryFinder::BinaryFinder(std::vector<std::string> debug_directories, Debuginfod* debuginfod)
    : debug_directories_(std::move(debug_directories)), debuginfod_(debuginfod) {}

Result<elf::BinaryPtr> BinaryFinder::find(const std::string& path, std::string_view build_id) {
  const std::string id = lower_case(build_id);
  const auto known = known_.find({path, id});
  if (known != known_.end()) {
    return known->second;
  }
  return known_.emplace(std::pair(path, id), open(path, id)).first->second;
}

Result<elf::BinaryPtr> BinaryFinder::open(const std::string& path, const std::string& build_id) {
  const auto made = [&](elf::ElfFile file) {
    elf::Binary binary;
    binary.id = next_id_++;
    binary.path = path;
    binary.build_id = file.build_id();
    binary.elf = std::make_shared<const elf::ElfFile>(std::move(file));
    return std::make_shared<const elf::Binary>(std::move(binary));
  };
  auto file = elf::ElfFile::open(path);
  if (file && (build_id.empty() || file->build_id() == build_id)) {
    return made(*std::move(file));
  }
  if (is_build_id(build_id)) {
    for (const std::string& directory : debug_directories_) {
      auto debug = elf::ElfFile::open(build_id_path(directory, build_id));
      if (debug && debug->build_id() == build_id) {
        return made(*std::move(debug));
      }
    }
    const auto downloaded = debuginfod_ == nullptr ? std::nullopt : debuginfod_->find(build_id);
    auto debug = downloaded ? elf::ElfFile::open(*downloaded) : make_error("none");
    if (debug) {
      return made(*std::move(debug));
    }
  }
  if (!file) {
    return std::unexpected(file.error());
  }
  return make_error("cannot use " + path, "its build id is not " + build_id);
}

}  // namespace stoker::symbolize
