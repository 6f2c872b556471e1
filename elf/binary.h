// One file that processes run code from, known by what it is rather than by where it lies: opened once
// however many processes map it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "elf/elf_file.h"

namespace stoker::elf {

// What tells two files apart while both exist. A file replaced under its path has another inode; one
// rewritten in place another change time.
struct FileIdentity {
  std::uint64_t device = 0;  // st_dev
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  std::int64_t change_ns = 0;  // st_ctim
  auto operator<=>(const FileIdentity&) const = default;
};

// Immutable once made; shared by every process that maps the file and by symbolizers on other threads.
struct Binary {
  std::uint32_t id = 0;  // dense, from 1, unique while the agent runs
  std::string
      path;  // as the process names it: "/usr/bin/x", "[vdso]", "/memfd:jit (deleted)" without " (deleted)"
  std::string
      root;  // where path is found: "" for the agent's own root, else a directory such as "/proc/12/root"
  FileIdentity identity;
  std::string build_id;                // lower-case hex, "" when there is none
  std::shared_ptr<const ElfFile> elf;  // null when the file could not be opened or is no ELF file we read
};

using BinaryPtr = std::shared_ptr<const Binary>;

}  // namespace stoker::elf
