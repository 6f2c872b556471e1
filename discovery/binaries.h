// The files that processes run code from, opened once each.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "discovery/file_key.h"
#include "discovery/mapping_table.h"
#include "elf/binary.h"

namespace stoker::discovery {

// Where to look for a mapped file.
struct FileRequest {
  std::string_view path;              // as in the record, without " (deleted)"
  FileKey key;                        // the file that is opened must be this one
  pid_t pid = 0;                      // whose mapping it is
  elf::MappedRange range;             // of the mapping, for map_files
  bool alive = true;                  // false: pid is known to be gone, and may be another process by now
  std::span<const pid_t> neighbours;  // living processes that may see the same file under the same path
};

// Pipeline thread only; the Binaries it gives may go to any thread.
// Files are opened in this order, the first that is the right file wins:
//   /proc/PID/map_files/START-END   right for deleted files, memfds and other mount namespaces; needs
//                                   CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE
//   /proc/PID/root/PATH             no symlinks followed: the kernel's paths have none
//   PATH in the agent's root, then in the neighbours' roots
// A file found by name is checked: its build id when the key has one, else inode, generation and device (on
// file systems where st_dev is not the super block's device, inode and generation alone). Only regular files
// are ever opened for reading.
class BinaryTable {
 public:
  struct Options {
    std::string proc_root = "/proc";
    std::string own_root = "";  // before PATH when it is looked for in the agent's own root
  };

  explicit BinaryTable(Options options);
  BinaryTable() : BinaryTable(Options{}) {}

  // The Binary, made if no mapping of that file was opened before; null when the file is nowhere to be found.
  // A file that is found but is no ELF file we read is a Binary without elf, and named in the log.
  elf::BinaryPtr open(const FileRequest& request);

  // Not a file or not to be found: a Binary without elf that has this path and build id. One for each pair.
  elf::BinaryPtr without_file(std::string_view path, std::string_view build_id);

  // The kernel's vDSO, read from the agent's own. A mapping of another size (a 32-bit process's) is not the
  // same and gets one without elf.
  elf::BinaryPtr vdso(std::uint64_t mapping_size);

  // Forgets Binaries that nobody else holds any more, which closes their files. Returns how many are left.
  std::size_t sweep();

  // Files opened for reading so far; names looked up but not found so far.
  std::uint64_t opened() const { return opened_; }
  std::uint64_t not_found() const { return not_found_; }

 private:
  struct Candidate;

  elf::BinaryPtr from_map_files(const FileRequest& request);
  elf::BinaryPtr from_root(const std::string& root, const FileRequest& request);
  elf::BinaryPtr take(Candidate candidate, const FileRequest& request);
  elf::BinaryPtr make(const Candidate& candidate, const FileRequest& request);
  elf::BinaryPtr add(elf::Binary binary);
  std::string root_for(const Candidate& candidate, const FileRequest& request) const;
  void report_unreadable(const Error& error);

  Options options_;
  std::map<elf::FileIdentity, std::weak_ptr<const elf::Binary>> files_;
  std::map<std::pair<std::string, std::string>, std::weak_ptr<const elf::Binary>> without_file_;
  elf::BinaryPtr vdso_;
  std::uint64_t vdso_size_ = 0;
  std::uint32_t next_id_ = 1;
  std::uint64_t opened_ = 0;
  std::uint64_t not_found_ = 0;
  int reports_left_;
};

}  // namespace stoker::discovery
