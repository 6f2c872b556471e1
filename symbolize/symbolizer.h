// Names for addresses: the one door to everything in this folder.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "elf/binary.h"
#include "symbolize/debuginfod.h"
#include "symbolize/demangle.h"

namespace stoker::symbolize {

// What the developer of the program would call one frame.
struct SourceFrame {
  std::string function;     // demangled as Options say; "" when only file and line are known
  std::string system_name;  // linkage name as in the symbol table or DW_AT_linkage_name
  std::string file;         // "" when not known
  std::int64_t line = 0;
  std::int64_t start_line = 0;  // of the function
  bool operator==(const SourceFrame&) const = default;
};

struct Options {
  Demangle demangle = Demangle::kFull;
  bool lines = true;  // read DWARF; false: names from symbol tables only
  std::uint64_t memory_budget = 64ull
                                << 20;  // of all indexes and caches together; least recently used file first
  std::vector<std::string> debug_directories{"/usr/lib/debug"};
  DebuginfodOptions debuginfod;  // off unless urls are given
  std::string kallsyms_path = "/proc/kallsyms";
};

// Not thread-safe: the agent runs one on its `symbols` thread; a test or `agent symbolize` runs its own.
class Symbolizer {
 public:
  explicit Symbolizer(Options options);
  ~Symbolizer();

  // Frames innermost first: inlined calls, then the function that holds the code. Empty when nothing is
  // known. address: of the instruction itself (a caller's frame: return address − 1, done by whoever walked
  // the stack). The result is valid until the next call.
  std::span<const SourceFrame> symbolize(const elf::BinaryPtr& binary, elf::ElfAddress address);

  // Kernel, modules and BPF programs by run address, from /proc/kallsyms. One frame "[kernel]", with
  // kernel_hint() set, when the kernel hides addresses; empty where no code is known.
  std::span<const SourceFrame> symbolize_kernel(std::uint64_t address);
  // The module that holds the address ("" for the kernel proper).
  std::string kernel_module(std::uint64_t address);
  // One line that says why kernel names are missing and what to do; "" when they are not.
  std::string kernel_hint();

  // Says that modules and BPF programs may have come and gone: the list is read again when the next address
  // outside the kernel proper is asked for.
  void refresh_kernel();

  // Code that lies in no file: one frame, named by the process's jitdump or /tmp/perf-PID.map, else "[jit]" or
  // "[anon]". root: "/proc/PID/root". uid: the process's user; files of others are refused.
  std::span<const SourceFrame> symbolize_process(pid_t pid, uid_t uid, const std::string& root,
                                                 elf::RunAddress address);

  // Gives pages of symbol and debug files back to the kernel; they are read again when needed. For the end of
  // a window's work.
  void drop_pages();

  // Heap bytes of all indexes and caches, the kernel's list included.
  std::uint64_t memory_bytes() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace stoker::symbolize
