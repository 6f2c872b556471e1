// Code that no call frame information covers, and what can be said of it all the same.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "elf/elf_file.h"
#include "unwind/function_starts.h"
#include "unwind/known_code.h"
#include "unwind/table.h"

namespace stoker::unwind {

// Rules for the ranges between FDEs, from the file's structure and code bytes:
// - the padding between two functions takes no row of its own;
// - around the entry point (_start of ld.so and musl, which have no FDE) the stack ends at a root;
// - PLTs have the linkers' fixed layout (lld writes no FDE for lazy ones, nobody does on aarch64);
// - .init and .fini are a function each, of a fixed form;
// - code that returns from a signal (musl's __restore_rt) is a signal frame;
// - code that keeps frame pointers, told by how often it sets them up, goes by them;
// - other code goes by its stack's height, as far as that can be followed ({x86_64,aarch64}/stack_height.h);
// - the rest is UNWIND_NONE.
class GapRules {
 public:
  // file must outlive the object.
  GapRules(const elf::ElfFile& file, const elf::Segment& segment);

  // Whether a function is glibc's __start_context: makecontext gives its address to a coroutine as return address,
  // so that its first byte is a root, which no call precedes. Its CFI does not say so.
  bool is_context_start(std::uint64_t start, std::uint64_t end) const;

  // Appends rows for [from, to), in the segment. padding: from is where a function ends, not the segment's start.
  void fill(std::uint64_t from, std::uint64_t to, bool after_function, RowAppender& out) const;

 private:
  struct CodeRange {
    std::uint64_t start;
    std::uint64_t end;
  };
  void find_code(const elf::ElfFile& file);
  void add_known_sections(const elf::ElfFile& file);
  // take(start, end, bytes) for each piece of [from, to) that is code.
  template <typename Take>
  void for_code_in(std::uint64_t from, std::uint64_t to, Take take) const;
  void find_signal_returns(std::uint64_t from, std::uint64_t to, std::vector<KnownCode>& found) const;
  void find_signal_returns_in(std::uint64_t from, ByteView code, std::vector<KnownCode>& found) const;
  bool keeps_frame_pointers(ByteView code) const;
  // Rows of code that nothing is known of.
  void append_rest(std::uint64_t from, std::uint64_t to, bool by_frame_pointer, RowAppender& out) const;
  void append_unknown(std::uint64_t from, std::uint64_t to, bool by_frame_pointer, RowAppender& out) const;
  void append_followed(std::uint64_t from, std::uint64_t to, RowAppender& out) const;
  void append_followed_arm(std::uint64_t from, std::uint64_t to, bool by_frame_pointer,
                           RowAppender& out) const;

  // Functions that begin in [from, to), as far as symbols tell. Symbols are read when first asked for: most files have
  // no code that they would help with.
  std::vector<std::uint64_t> starts(std::uint64_t from, std::uint64_t to) const;

  const elf::ElfFile& file_;
  const elf::Segment segment_;
  ByteView code_;                  // of the segment
  std::vector<CodeRange> ranges_;  // what of it is code, as far as sections tell; by start, disjoint
  elf::Machine machine_;
  std::uint64_t entry_;
  std::vector<KnownCode> known_;  // by start, disjoint
  mutable std::optional<FunctionStarts> starts_;
};

}  // namespace stoker::unwind
