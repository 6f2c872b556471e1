// Names for addresses: the one door to everything in this folder.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "elf/binary.h"
#include "symbolize/code_owner.h"
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
  // Of names that only a symbol table has; debug data says to which function a part or a copy belongs.
  Suffixes suffixes = Suffixes::kNote;
  bool lines = true;  // read DWARF; false: names from symbol tables only
  // Heap bytes of everything here together. What was not used lately goes first: lines, then whole files and
  // processes. The kernel's list (some 6 MiB) stays, but leaves half of the budget to the others.
  std::uint64_t memory_budget = 64ull << 20;
  // What rest() leaves of it.
  std::uint64_t resting_budget = 20ull << 20;
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

  // Kernel, modules and BPF programs by run address, from /proc/kallsyms and add_kernel_code(). One frame "[kernel]", with
  // kernel_hint() set, when the kernel hides addresses; empty where no code is known.
  std::span<const SourceFrame> symbolize_kernel(std::uint64_t address);
  // The module that holds the address ("" for the kernel proper).
  std::string kernel_module(std::uint64_t address);
  // One line that says why kernel names are missing and what to do; "" when they are not.
  std::string kernel_hint();

  // Says that modules and BPF programs may have come and gone: the list is read again when the next address
  // outside the kernel proper is asked for.
  void refresh_kernel();

  // Says that a BPF program was loaded there, which may be gone from the list by now. Its name stays until another
  // comes to its place.
  void add_kernel_code(std::uint64_t address, std::uint64_t size, std::string_view name);

  // Code that lies in no file: one frame, named by the process's jitdump or /tmp/perf-PID.map, else "[jit]" or
  // "[anon]".
  std::span<const SourceFrame> symbolize_process(const CodeOwner& owner, elf::RunAddress address);

  // Gives the pages of a file and its debug files back to the kernel; they are read again when needed. For whoever
  // is done with the file for a while.
  void drop_pages(const elf::BinaryPtr& binary);

  // For whoever asks for nothing more for a while: gives up, in the same order, what goes beyond the resting budget.
  void rest();

  // Heap bytes of all indexes and caches, the kernel's list included.
  std::uint64_t memory_bytes() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace stoker::symbolize
