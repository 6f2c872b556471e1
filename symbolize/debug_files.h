// Where a binary's debug data lies when it is not in the binary: gdb's manual, "Separate Debug Files",
// "MiniDebugInfo"; DWARF 5 §7.3 for split units.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "elf/binary.h"
#include "symbolize/complaints.h"
#include "symbolize/debuginfod.h"

namespace stoker::symbolize {

using ElfPtr = std::shared_ptr<const elf::ElfFile>;

struct DebugFiles {
  ElfPtr debug;  // the separate debug file; null when the binary holds its own or none was found
  std::string debug_path;
  ElfPtr supplementary;  // .gnu_debugaltlink of whichever file has the debug data
  ElfPtr package;        // split units: PATH.dwp
};

// Looks inside the target's root (binary.root) before the agent's own. Paths inside a target's root are
// resolved within it: its symbolic links cannot lead out. A file is used only when its build id is the
// binary's, or, where one of the two has none, when the CRC-32 of its debug link is right; another is refused
// with a complaint. FIFOs, devices and directories are refused.
class DebugFileFinder {
 public:
  // debuginfod: null when it is off; asked last.
  DebugFileFinder(std::vector<std::string> directories, Complaints& complaints,
                  Debuginfod* debuginfod = nullptr);

  // The file with .debug_info or .symtab for a stripped binary: DIRECTORY/.build-id/ab/cdef.debug, then
  // .gnu_debuglink's name beside the binary, in .debug/ beside it, and in DIRECTORY/<the binary's directory>.
  ElfPtr find_debug(const elf::Binary& binary, std::string& path) const;

  // holder: the file that names the supplementary one; holder_path: where it was found.
  ElfPtr find_supplementary(const elf::Binary& binary, const elf::ElfFile& holder,
                            const std::string& holder_path) const;

  ElfPtr find_package(const elf::Binary& binary, const std::string& debug_path) const;

  // A split unit's file: NAME in comp_dir, or beside the binary.
  Result<ElfPtr> open_dwo(const elf::Binary& binary, std::string_view comp_dir, std::string_view name) const;

 private:
  ElfPtr open(const elf::Binary& binary, const std::string& path) const;
  ElfPtr by_build_id(const elf::Binary& binary, const std::string& build_id, std::string& path) const;
  ElfPtr by_debuginfod(const std::string& build_id, std::string& path) const;
  ElfPtr by_debug_link(const elf::Binary& binary, std::string& path) const;

  std::vector<std::string> directories_;
  Complaints& complaints_;
  Debuginfod* debuginfod_;
};

// The ELF file inside .gnu_debugdata (xz), which holds the symbols of functions that .dynsym lacks. Null when
// there is none; an error for a bad stream or one that grows past limit bytes.
Result<ElfPtr> read_minidebuginfo(const elf::ElfFile& file, std::uint64_t limit = 64 << 20);

// The path of a build id's debug file: DIRECTORY/.build-id/ab/cdef.debug. build_id has more than two digits.
std::string build_id_path(const std::string& directory, const std::string& build_id);

// Opens path inside root ("": the agent's own), following symbolic links only inside it.
Result<MappedFile> open_inside(const std::string& root, const std::string& path);

}  // namespace stoker::symbolize
