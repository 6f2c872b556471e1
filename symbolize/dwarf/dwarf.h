// Source lines and inlined calls from DWARF 2–5: an ELF address in, the chain of frames out.
//
// Everything is read when first needed: opening looks at nothing; the first address skips over the unit
// headers by their lengths and reads each unit's own DIE for its code ranges; a unit's tree of DIEs and its
// line program are read when an address falls into it. A 2 GB debug file therefore costs what its hit units
// cost.
//
// The sections are hostile bytes: a malformed unit answers nothing, the others are not touched by it, and
// work and memory are bounded by the size of the sections.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "elf/elf_file.h"

namespace stoker::symbolize::dwarf {

// Opens a split unit's .dwo file. Names are as the skeleton unit has them (DW_AT_comp_dir, DW_AT_dwo_name);
// the callee decides where it is willing to look. dwo_id: what the file's unit must carry; checked by the
// caller.
using OpenDwo = std::function<Result<std::shared_ptr<const elf::ElfFile>>(
    std::string_view comp_dir, std::string_view name, std::uint64_t dwo_id)>;

struct Inputs {
  std::shared_ptr<const elf::ElfFile>
      main;  // what runs; its executable segments and sections say what is code
  std::shared_ptr<const elf::ElfFile>
      debug;  // what holds .debug_info: the separate debug file, or main again
  std::shared_ptr<const elf::ElfFile> supplementary;  // named by .gnu_debugaltlink or .debug_sup; null: none
  std::shared_ptr<const elf::ElfFile> package;        // the .dwp beside main; null: none
  OpenDwo open_dwo;                                   // empty: split units outside the package are not read
  std::function<void(const Error&)> complain;  // told once a file what cannot be read of it; may be empty
};

struct Frame {
  // Views of the debug sections: valid until the next find() or trim().
  std::string_view linkage_name;  // DW_AT_linkage_name, mangled; "" when the function has none
  std::string_view name;          // DW_AT_name, unqualified; "" when no function is known
  std::string file;               // directory and name joined as below; "" when not known
  std::int64_t line = 0;          // 0: code of no line
  std::int64_t start_line = 0;    // DW_AT_decl_line of the function; 0 when not known
  std::uint64_t entry = 0;        // ELF address where the outermost function starts; 0 when not known
  bool inlined = false;           // into the frame that follows
};

// The file of a frame: an absolute name stands alone, else <directory>/<name>, and a relative directory
// follows the unit's DW_AT_comp_dir (DWARF 5 §6.2.4: entry 0 is that directory). Nothing is normalised: ".."
// may cross a symbolic link.
//
// Single-threaded.
class Dwarf {
 public:
  // An error when debug has no .debug_info.
  static Result<std::unique_ptr<Dwarf>> open(Inputs inputs);
  ~Dwarf();
  Dwarf(const Dwarf&) = delete;
  Dwarf& operator=(const Dwarf&) = delete;

  // The frames of the instruction at address, innermost first, into `out` (cleared first). False, and none,
  // when the debug data has neither a function nor a line for it. A function without a line, or a line
  // without a function, is one frame with what is known.
  bool find(elf::ElfAddress address, std::vector<Frame>& out);

  // Heap bytes held: indexes, line tables, inflated sections. File pages are the kernel's.
  std::uint64_t memory_bytes() const;
  // Forgets per-unit indexes, the least recently used first, until memory_bytes() <= budget or only what
  // every address needs (unit ranges, inflated sections) is left. find() does this by itself at kUnitBudget.
  void trim(std::uint64_t budget);
  static constexpr std::uint64_t kUnitBudget = std::uint64_t{32} << 20;

  // The chain is cut at this many frames (31 are seen in ordinary C++).
  static constexpr std::size_t kMostFrames = 512;

 private:
  class Impl;
  explicit Dwarf(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace stoker::symbolize::dwarf
