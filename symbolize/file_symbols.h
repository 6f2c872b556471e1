// Everything one binary and its debug files say about an address.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "elf/binary.h"
#include "symbolize/complaints.h"
#include "symbolize/debug_files.h"
#include "symbolize/dwarf/dwarf.h"
#include "symbolize/go_pclntab.h"
#include "symbolize/plt.h"
#include "symbolize/symbol_index.h"
#include "symbolize/symbolizer.h"

namespace stoker::symbolize {

// Built on the first address of a file; the memory it holds is counted and can be given back. One thread's.
class FileSymbols {
 public:
  // binary.elf is not null. finder and complaints outlive this.
  FileSymbols(elf::BinaryPtr binary, const Options& options, const DebugFileFinder& finder,
              Complaints& complaints);
  ~FileSymbols();

  // Frames innermost first into out (cleared first), as Symbolizer::symbolize has it.
  void find(elf::ElfAddress address, std::vector<SourceFrame>& out);

  // Heap bytes held by indexes and inflated data.
  std::uint64_t memory_bytes() const;
  // Forgets what lines were read, as far as it can be read again.
  void trim();
  // Gives file pages that were read back to the kernel.
  void drop_pages() const;

 private:
  void open_debug_files();
  void open_go();
  void open_dwarf();
  Result<ElfPtr> open_dwo(std::string_view comp_dir, std::string_view name);
  Result<> check_fits(const elf::ElfFile& file) const;
  void build_index();
  bool find_go(elf::ElfAddress address, std::vector<SourceFrame>& out);
  bool find_dwarf(elf::ElfAddress address, std::vector<SourceFrame>& out);
  void find_symbol(elf::ElfAddress address, std::vector<SourceFrame>& out) const;
  // The name of a frame that DWARF describes.
  std::string_view name_of(const dwarf::Frame& frame, elf::ElfAddress address) const;
  SourceFrame named(std::string_view system_name, Suffixes suffixes) const;

  elf::BinaryPtr binary_;
  const Options& options_;
  const DebugFileFinder& finder_;
  Complaints& complaints_;

  DebugFiles files_;
  ElfPtr minidebuginfo_;
  std::optional<SymbolIndex> index_;
  std::optional<PltNames> plt_;
  std::optional<GoPclntab> go_;
  std::unique_ptr<dwarf::Dwarf> dwarf_;
  std::vector<GoPclntab::Frame> go_frames_;
  std::vector<dwarf::Frame> dwarf_frames_;
};

}  // namespace stoker::symbolize
