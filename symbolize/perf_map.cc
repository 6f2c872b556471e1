#include "symbolize/perf_map.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace stoker::symbolize {
namespace {

// Hexadecimal with or without 0x, then spaces.
bool take_number(std::string_view& text, std::uint64_t& value) {
  if (text.starts_with("0x") || text.starts_with("0X")) {
    text.remove_prefix(2);
  }
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  const std::size_t spaces = text.find_first_not_of(" \t");
  if (error != std::errc{} || spaces == 0 || spaces == std::string_view::npos) {
    return false;
  }
  text.remove_prefix(spaces);
  return true;
}

}  // namespace

PerfMap::PerfMap(std::string path, uid_t owner, std::size_t most_bytes)
    : path_(std::move(path)), owner_(owner), names_(most_bytes) {}

std::size_t PerfMap::parse(std::string_view text, CodeNames& names) {
  std::size_t start = 0;
  for (std::size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n', start)) {
    std::string_view line = text.substr(start, end - start);
    start = end + 1;
    std::uint64_t address = 0;
    std::uint64_t size = 0;
    if (take_number(line, address) && take_number(line, size)) {
      names.add(address, size, line.substr(0, line.find_last_not_of(" \r") + 1));
    }
  }
  return start;
}

Result<> PerfMap::refresh(const TargetRoot& root) {
  FileState now;
  auto fd = open_target_file(root, path_, owner_, kLargest, now);
  if (!fd) {
    return std::unexpected(fd.error());
  }
  if (now.device != state_.device || now.inode != state_.inode || now.size < read_) {
    names_.clear();
    read_ = 0;
  }
  state_ = now;
  // A piece at a time: the file may be large, and what was read is kept only as names.
  constexpr std::uint64_t kPiece = 4 << 20;
  while (read_ < now.size) {
    std::string text;
    if (auto read = read_at(*fd, read_, std::min(kPiece, now.size - read_), text); !read) {
      return read;
    }
    const std::size_t consumed = parse(text, names_);
    read_ += consumed == 0 && text.size() == kPiece ? kPiece : consumed;  // no line is 4 MiB long
    if (consumed == 0 && text.size() < kPiece) {
      break;  // a line that is still being written
    }
  }
  return {};
}

}  // namespace stoker::symbolize
