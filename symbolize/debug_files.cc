#include "symbolize/debug_files.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/byte_reader.h"
#include "elf/inflate.h"

namespace stoker::symbolize {
namespace {

std::string directory_of(const std::string& path) {
  return path.substr(0, path.rfind('/') + 1);
}

std::uint32_t crc_of(ByteView bytes) {
  return static_cast<std::uint32_t>(::crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

struct DebugLink {
  std::string name;
  std::uint32_t crc = 0;
};

// .gnu_debuglink: a file name, NUL, padding to 4, CRC-32.
std::optional<DebugLink> debug_link(const elf::ElfFile& file) {
  const elf::Section* section = file.find_section(".gnu_debuglink");
  if (section == nullptr) {
    return std::nullopt;
  }
  ByteReader reader(file.raw(*section));
  DebugLink link;
  link.name = reader.cstr();
  reader.seek((reader.position() + 3) & ~std::size_t{3});
  link.crc = reader.u32();
  // A name with a directory in it would lead anywhere.
  if (!reader.ok() || link.name.empty() || link.name.contains('/')) {
    return std::nullopt;
  }
  return link;
}

// Keeps inflated bytes as long as the file that is read from them.
struct Inflated {
  elf::SectionBytes bytes;
  elf::ElfFile file;
};

}  // namespace

std::string build_id_path(const std::string& directory, const std::string& build_id) {
  return directory + "/.build-id/" + build_id.substr(0, 2) + "/" + build_id.substr(2) + ".debug";
}

Result<MappedFile> open_inside(const std::string& root, const std::string& path) {
  if (root.empty()) {
    return MappedFile::open(path);
  }
  const UniqueFd directory(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory) {
    return system_error("cannot open " + root, errno);
  }
  open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  UniqueFd fd(static_cast<int>(::syscall(SYS_openat2, directory.get(), path.c_str(), &how, sizeof how)));
  if (!fd && errno == ENOSYS) {  // before Linux 5.6: then without symbolic links in the last part
    fd.reset(::open((root + path).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW));
  }
  if (!fd) {
    return system_error("cannot open " + root + path, errno);
  }
  return MappedFile::map(fd, root + path);
}

DebugFileFinder::DebugFileFinder(std::vector<std::string> directories, Complaints& complaints,
                                 Debuginfod* debuginfod)
    : directories_(std::move(directories)), complaints_(complaints), debuginfod_(debuginfod) {}

ElfPtr DebugFileFinder::open(const elf::Binary& binary, const std::string& path) const {
  for (const std::string& root : {binary.root, std::string{}}) {
    auto mapping = open_inside(root, path);
    if (mapping) {
      auto file = elf::ElfFile::from(*std::move(mapping), root + path);
      if (file) {
        complaints_.once(file->damage());
        return std::make_shared<const elf::ElfFile>(*std::move(file));
      }
      complaints_.once(file.error());
    } else if (mapping.error().code == 0) {
      complaints_.once(mapping.error());  // there, but no regular file
    }
    if (binary.root.empty()) {
      break;
    }
  }
  return nullptr;
}

ElfPtr DebugFileFinder::by_build_id(const elf::Binary& binary, const std::string& build_id,
                                    std::string& path) const {
  if (build_id.size() <= 2) {
    return nullptr;
  }
  for (const std::string& directory : directories_) {
    path = build_id_path(directory, build_id);
    if (ElfPtr file = open(binary, path); file != nullptr) {
      if (file->build_id() == build_id) {
        return file;
      }
      complaints_.once({"ignoring debug file " + file->name(), "its build id is not " + build_id, {}, 0});
    }
  }
  return nullptr;
}

ElfPtr DebugFileFinder::by_debug_link(const elf::Binary& binary, std::string& path) const {
  const auto link = debug_link(*binary.elf);
  if (!link || !binary.path.starts_with('/')) {
    return nullptr;
  }
  const std::string beside = directory_of(binary.path);
  std::vector<std::string> candidates{beside + link->name, beside + ".debug/" + link->name};
  for (const std::string& directory : directories_) {
    candidates.push_back(directory + beside + link->name);
  }
  for (std::string& candidate : candidates) {
    ElfPtr file = candidate == binary.path ? nullptr : open(binary, candidate);
    if (file == nullptr) {
      continue;
    }
    const std::string build_id = file->build_id();
    const bool same = build_id.empty() || binary.build_id.empty() ? crc_of(file->bytes()) == link->crc
                                                                  : build_id == binary.build_id;
    if (same) {
      path = std::move(candidate);
      return file;
    }
    complaints_.once({"ignoring debug file " + file->name(),
                      "its " + std::string(build_id.empty() || binary.build_id.empty() ? "CRC" : "build id") +
                          " is not the one that " + binary.path + " names",
                      {},
                      0});
  }
  return nullptr;
}

ElfPtr DebugFileFinder::by_debuginfod(const std::string& build_id, std::string& path) const {
  const auto downloaded =
      debuginfod_ == nullptr || build_id.empty() ? std::nullopt : debuginfod_->find(build_id);
  if (!downloaded) {
    return nullptr;
  }
  auto file = elf::ElfFile::open(*downloaded);
  if (!file) {
    complaints_.once(file.error());
    return nullptr;
  }
  path = *downloaded;
  return std::make_shared<const elf::ElfFile>(*std::move(file));
}

ElfPtr DebugFileFinder::find_debug(const elf::Binary& binary, std::string& path) const {
  ElfPtr file = by_build_id(binary, binary.build_id, path);
  if (file == nullptr) {
    file = by_debug_link(binary, path);
  }
  return file != nullptr ? file : by_debuginfod(binary.build_id, path);
}

ElfPtr DebugFileFinder::find_supplementary(const elf::Binary& binary, const elf::ElfFile& holder,
                                           const std::string& holder_path) const {
  const elf::Section* section = holder.find_section(".gnu_debugaltlink");
  if (section == nullptr) {
    return nullptr;
  }
  ByteReader reader(holder.raw(*section));
  const std::string name(reader.cstr());
  const std::string build_id = elf::to_hex(reader.take(reader.remaining()));
  if (!reader.ok() || name.empty() || build_id.empty()) {
    return nullptr;
  }
  const std::string path = name.starts_with('/') ? name : directory_of(holder_path) + name;
  if (ElfPtr file = open(binary, path); file != nullptr) {
    if (file->build_id() == build_id) {
      return file;
    }
    complaints_.once({"ignoring debug file " + file->name(), "its build id is not " + build_id, {}, 0});
  }
  std::string found;
  ElfPtr file = by_build_id(binary, build_id, found);
  return file != nullptr ? file : by_debuginfod(build_id, found);
}

ElfPtr DebugFileFinder::find_package(const elf::Binary& binary, const std::string& debug_path) const {
  for (const std::string& path : {binary.path, debug_path}) {
    if (path.starts_with('/')) {
      if (ElfPtr file = open(binary, path + ".dwp"); file != nullptr) {
        return file;
      }
    }
  }
  return nullptr;
}

Result<ElfPtr> DebugFileFinder::open_dwo(const elf::Binary& binary, std::string_view comp_dir,
                                         std::string_view name) const {
  std::string path(name);
  if (!name.starts_with('/')) {
    path = std::string(comp_dir) + "/" + path;
  }
  if (ElfPtr file = open(binary, path); file != nullptr) {
    return file;
  }
  const std::string beside = directory_of(binary.path) + std::string(name.substr(name.rfind('/') + 1));
  if (ElfPtr file = open(binary, beside); file != nullptr) {
    return file;
  }
  return make_error("cannot open " + path, "no such file");
}

Result<ElfPtr> read_minidebuginfo(const elf::ElfFile& file, std::uint64_t limit) {
  const elf::Section* section = file.find_section(".gnu_debugdata");
  if (section == nullptr) {
    return nullptr;
  }
  const std::string name = ".gnu_debugdata of " + file.name();
  auto bytes = elf::inflate_xz(file.raw(*section), limit, "cannot read section " + name);
  if (!bytes) {
    return std::unexpected(bytes.error());
  }
  auto parsed = elf::ElfFile::parse(bytes->bytes(), name);
  if (!parsed) {
    return std::unexpected(parsed.error());
  }
  auto owner = std::make_shared<Inflated>(*std::move(bytes), *std::move(parsed));
  return ElfPtr(owner, &owner->file);
}

}  // namespace stoker::symbolize
