#include "discovery/binaries.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/log.h"
#include "base/mapped_file.h"
#include "base/unique_fd.h"
#include "discovery/open_beneath.h"
#include "discovery/vdso.h"

namespace stoker::discovery {
namespace {

// A host full of files that are no ELF must not fill the log.
constexpr int kMostReports = 50;

elf::FileIdentity identity_of(const struct stat& status) {
  return {.device = status.st_dev,
          .inode = status.st_ino,
          .size = static_cast<std::uint64_t>(status.st_size),
          .change_ns = std::int64_t{status.st_ctim.tv_sec} * 1'000'000'000 + status.st_ctim.tv_nsec};
}

// File systems whose files have another st_dev than their super block: subvolumes and layers have their own.
bool has_devices_of_its_own(const UniqueFd& fd) {
  struct statfs status{};
  if (::fstatfs(fd.get(), &status) != 0) {
    return false;
  }
  return status.f_type == BTRFS_SUPER_MAGIC || status.f_type == OVERLAYFS_SUPER_MAGIC;
}

bool same_device(const struct stat& status, const FileKey& key) {
  return ::major(status.st_dev) == key.major && ::minor(status.st_dev) == key.minor;
}

// Inodes are used again; the generation tells (ext4, xfs, btrfs; elsewhere the ioctl fails and nothing is known).
bool generation_differs(const UniqueFd& fd, const FileKey& key) {
  int generation = 0;
  return key.generation != 0 && ::ioctl(fd.get(), FS_IOC_GETVERSION, &generation) == 0 &&
         static_cast<std::uint32_t>(generation) != static_cast<std::uint32_t>(key.generation);
}

std::string link_target(const std::string& link) {
  std::array<char, 4096> target;
  const ssize_t size = ::readlink(link.c_str(), target.data(), target.size());
  std::string text(target.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  constexpr std::string_view kDeleted = " (deleted)";
  if (text.ends_with(kDeleted)) {
    text.resize(text.size() - kDeleted.size());
  }
  return text;
}

}  // namespace

// A file that may be the one.
struct BinaryTable::Candidate {
  UniqueFd path_fd;  // O_PATH
  std::string root;
  bool by_name = true;  // false: the kernel's own link to the mapped file
  struct stat status{};
};

BinaryTable::BinaryTable(Options options) : options_(std::move(options)), reports_left_(kMostReports) {}

elf::BinaryPtr BinaryTable::open(const FileRequest& request) {
  const std::string process_root = fmt::format("{}/{}/root", options_.proc_root, request.pid);
  if (request.alive) {
    if (auto found = from_map_files(request)) {
      return found;
    }
    if (auto found = from_root(process_root, request)) {
      return found;
    }
  }
  if (auto found = from_root(options_.own_root, request)) {
    return found;
  }
  for (const pid_t neighbour : request.neighbours) {
    if (auto found = from_root(fmt::format("{}/{}/root", options_.proc_root, neighbour), request)) {
      return found;
    }
  }
  ++not_found_;
  return nullptr;
}

elf::BinaryPtr BinaryTable::from_map_files(const FileRequest& request) {
  const std::string link = fmt::format("{}/{}/map_files/{:x}-{:x}", options_.proc_root, request.pid,
                                       request.range.start.value, request.range.end.value);
  Candidate candidate{.path_fd = UniqueFd(::open(link.c_str(), O_PATH | O_CLOEXEC)),
                      .root = fmt::format("{}/{}/root", options_.proc_root, request.pid),
                      .by_name = false};
  if (!candidate.path_fd || ::fstat(candidate.path_fd.get(), &candidate.status) != 0) {
    return nullptr;
  }
  // The range may have another file by now. On overlayfs the inode shown is not always the one mapped.
  if (request.key.inode != 0 && candidate.status.st_ino != request.key.inode &&
      link_target(link) != request.path) {
    return nullptr;
  }
  return take(std::move(candidate), request);
}

elf::BinaryPtr BinaryTable::from_root(const std::string& root, const FileRequest& request) {
  if (!request.path.starts_with('/')) {
    return nullptr;
  }
  Candidate candidate{.path_fd = open_beneath(root.empty() ? "/" : root, request.path), .root = root};
  if (!candidate.path_fd || ::fstat(candidate.path_fd.get(), &candidate.status) != 0) {
    return nullptr;
  }
  const FileKey& key = request.key;
  if (key.inode != 0 &&
      (candidate.status.st_ino != key.inode ||
       (!same_device(candidate.status, key) && !has_devices_of_its_own(candidate.path_fd)))) {
    return nullptr;
  }
  return take(std::move(candidate), request);
}

elf::BinaryPtr BinaryTable::take(Candidate candidate, const FileRequest& request) {
  if (const auto known = files_.find(identity_of(candidate.status)); known != files_.end()) {
    if (auto binary = known->second.lock()) {
      const std::string build_id = elf::to_hex(request.key.build_id_bytes());
      return build_id.empty() || binary->build_id == build_id ? binary : nullptr;
    }
  }
  return make(candidate, request);
}

elf::BinaryPtr BinaryTable::make(const Candidate& candidate, const FileRequest& request) {
  const UniqueFd fd = reopen_regular(candidate.path_fd);
  if (!fd || (candidate.by_name && generation_differs(fd, request.key))) {
    return nullptr;
  }
  ++opened_;
  elf::Binary binary;
  binary.path = request.path;
  binary.identity = identity_of(candidate.status);
  const std::string expected = elf::to_hex(request.key.build_id_bytes());
  auto mapping = MappedFile::map(fd, binary.path);
  auto elf = mapping ? elf::ElfFile::from(*std::move(mapping), binary.path)
                     : Result<elf::ElfFile>(std::unexpected(mapping.error()));
  if (elf) {
    binary.build_id = elf->build_id();
    elf->drop_pages();
    binary.elf = std::make_shared<const elf::ElfFile>(*std::move(elf));
  } else {
    report_unreadable(elf.error());
  }
  if (!expected.empty() && binary.build_id != expected) {
    // The kernel reads build ids of files that we do not (32-bit ones): its own link is believed without.
    if (candidate.by_name || binary.elf != nullptr) {
      return nullptr;
    }
    binary.build_id = expected;
  }
  binary.root = root_for(candidate, request);
  const elf::FileIdentity identity = binary.identity;
  auto made = add(std::move(binary));
  files_[identity] = made;
  return made;
}

// "" if path in the agent's own root is the very same file: unlike /proc/PID/root, that does not go away.
std::string BinaryTable::root_for(const Candidate& candidate, const FileRequest& request) const {
  if (candidate.root == options_.own_root || !request.path.starts_with('/')) {
    return candidate.root;
  }
  const UniqueFd own = open_beneath(options_.own_root.empty() ? "/" : options_.own_root, request.path);
  struct stat status{};
  const bool same =
      own && ::fstat(own.get(), &status) == 0 && identity_of(status) == identity_of(candidate.status);
  return same ? options_.own_root : candidate.root;
}

elf::BinaryPtr BinaryTable::add(elf::Binary binary) {
  binary.id = next_id_++;
  return std::make_shared<const elf::Binary>(std::move(binary));
}

void BinaryTable::report_unreadable(const Error& error) {
  if (reports_left_ > 0) {
    --reports_left_;
    log::info("{}; its addresses get no names", error.message());
  }
}

elf::BinaryPtr BinaryTable::without_file(std::string_view path, std::string_view build_id) {
  auto& known = without_file_[{std::string(path), std::string(build_id)}];
  auto binary = known.lock();
  if (binary == nullptr) {
    elf::Binary made;
    made.path = path;
    made.build_id = build_id;
    binary = add(std::move(made));
    known = binary;
  }
  return binary;
}

elf::BinaryPtr BinaryTable::vdso(std::uint64_t mapping_size) {
  if (vdso_ == nullptr) {
    const ByteView bytes = own_vdso();
    elf::Binary binary;
    binary.path = "[vdso]";
    if (auto elf = elf::ElfFile::parse(bytes, binary.path)) {
      binary.build_id = elf->build_id();
      binary.elf = std::make_shared<const elf::ElfFile>(*std::move(elf));
    }
    vdso_size_ = bytes.size();
    vdso_ = add(std::move(binary));
  }
  return mapping_size == vdso_size_ ? vdso_ : without_file("[vdso]", "");
}

std::size_t BinaryTable::sweep() {
  std::erase_if(files_, [](const auto& entry) { return entry.second.expired(); });
  std::erase_if(without_file_, [](const auto& entry) { return entry.second.expired(); });
  return files_.size() + without_file_.size();
}

}  // namespace stoker::discovery
