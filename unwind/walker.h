// Walks a user stack on the rows that the BPF program uses: for samples whose tables were not loaded yet, and
// as the reference that replayed walks are compared with.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "elf/address.h"
#include "elf/elf_file.h"
#include "unwind/table_builder.h"

namespace stoker::unwind {

// General registers by DWARF number. Of a leaf all are known; of a caller those that calls preserve, as far as
// they could be followed.
struct Registers {
  static constexpr unsigned kCount = 33;
  std::array<std::uint64_t, kCount> values{};
  std::uint64_t known = 0;           // bit n: values[n]
  std::uint64_t thread_pointer = 0;  // x86-64: the base of fs, behind which Go keeps its goroutine

  bool has(unsigned reg) const { return (known >> reg & 1) != 0; }
  void set(unsigned reg, std::uint64_t value) {
    values[reg] = value;
    known |= std::uint64_t{1} << reg;
  }
  void forget(unsigned reg) { known &= ~(std::uint64_t{1} << reg); }
};

// Numbers that differ by machine.
struct RegisterNames {
  unsigned pc;  // x86-64: 16, as DWARF has it; aarch64: 32
  unsigned sp;
  unsigned fp;
};
constexpr RegisterNames register_names(elf::Machine machine) {
  return machine == elf::Machine::kAarch64 ? RegisterNames{32, 31, 29} : RegisterNames{16, 7, 6};
}

// Where a pc lies.
struct CodePlace {
  std::optional<unwind_row> row;  // the row in force, where the source has looked it up itself
  const UnwindTable* table =
      nullptr;              // else; null: no file's (JIT, memory that nobody knows): by frame pointer
  elf::ElfAddress address;  // of the pc, with a table
};

// The process as it was. One walk asks from one thread.
class WalkSource {
 public:
  virtual ~WalkSource() = default;
  // Memory at an address of the process; false when not all of it can be read.
  virtual bool read(std::uint64_t address, std::span<std::byte> out) = 0;
  // nullopt: no executable mapping.
  virtual std::optional<CodePlace> find(std::uint64_t pc) = 0;
};

enum class WalkEnd : std::uint8_t {
  kRootUndefined,       // CFI says there is no caller: _start, clone, __start_context, runtime.goexit
  kRootZero,            // the return address, or in code with frame pointers the frame pointer, is 0
  kCutNoRule,           // the file's tables say nothing about the pc
  kCutUnsupported,      // they say something that rows cannot express
  kCutUnreadable,       // stack memory could not be read
  kCutNoMapping,        // the pc is in no executable mapping
  kCutLostRegister,     // the rule needs a register whose value was lost on the way
  kCutBadFramePointer,  // no table, and the frame pointer does not point up the stack
  kCutNoProgress,       // the caller's frame would not lie above
  kCutDepth,            // kDeepestWalk frames
};
constexpr bool is_root(WalkEnd end) {
  return end <= WalkEnd::kRootZero;
}
const char* to_string(WalkEnd end);
// As the BPF program says it: 0 for a root, else the STAT_cut_….
std::uint8_t to_stat(WalkEnd end);

inline constexpr std::size_t kDeepestWalk = 512;

struct WalkFrame {
  std::uint64_t pc = 0;
  bool exact =
      false;  // of the instruction that runs next (leaf, or interrupted by a signal); else a return address
};

struct Walk {
  std::vector<WalkFrame> frames;  // leaf first; at least the leaf
  WalkEnd end = WalkEnd::kCutNoRule;
};

struct WalkOptions {
  elf::Machine machine = elf::Machine::kX86_64;
  // aarch64: bits of an address; those above are a signature or a tag.
  std::uint64_t address_mask = (std::uint64_t{1} << 48) - 1;
  std::size_t deepest = kDeepestWalk;
};

Walk walk(Registers registers, WalkSource& source, const WalkOptions& options = {});

// What one frame's row makes of the registers.
enum class Step : std::uint8_t {
  kCalled,       // registers are the caller's, its pc a return address
  kInterrupted,  // they are the interrupted code's, its pc exact
  kEnd,          // see end
};
struct StepResult {
  Step step = Step::kEnd;
  WalkEnd end = WalkEnd::kCutNoRule;
};

// leaf: registers are those of code that was interrupted, not called (the innermost frame, or a signal's).
StepResult step_x86(const unwind_row& row, Registers& registers, WalkSource& source, bool leaf);
StepResult step_aarch64(const unwind_row& row, Registers& registers, WalkSource& source, bool leaf,
                        std::uint64_t address_mask);

}  // namespace stoker::unwind
