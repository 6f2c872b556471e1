#include "symbolize/file_symbols.h"

#include <elf.h>

#include <utility>

namespace stoker::symbolize {
namespace {

// Debug files have the main file's addresses unless one of the two was relinked: then the first PT_LOAD says
// by how much. Segments' offsets say nothing, a debug file's text is not in it.
std::uint64_t bias_between(const elf::ElfFile& main, const elf::ElfFile& debug) {
  const elf::ProgramHeader* in_main = main.find_program_header(PT_LOAD);
  const elf::ProgramHeader* in_debug = debug.find_program_header(PT_LOAD);
  return in_main == nullptr || in_debug == nullptr ? 0 : in_main->address.value - in_debug->address.value;
}

bool has_debug_info(const elf::ElfFile& file) {
  return file.find_section(".debug_info") != nullptr || file.find_section(".zdebug_info") != nullptr;
}

}  // namespace

FileSymbols::FileSymbols(elf::BinaryPtr binary, const Options& options, const DebugFileFinder& finder,
                         Complaints& complaints)
    : binary_(std::move(binary)), options_(options), finder_(finder), complaints_(complaints) {
  open_debug_files();
  build_index();
  plt_.emplace(binary_->elf);
  drop_pages();
}

FileSymbols::~FileSymbols() = default;

void FileSymbols::open_debug_files() {
  const elf::ElfFile& main = *binary_->elf;
  const bool has_symbols = main.find_section_by_type(SHT_SYMTAB) != nullptr;
  if ((options_.lines && !has_debug_info(main)) || !has_symbols) {
    files_.debug = finder_.find_debug(*binary_, files_.debug_path);
  }
  if (!has_symbols) {
    if (auto mini = read_minidebuginfo(main)) {
      minidebuginfo_ = *std::move(mini);
    } else {
      complaints_.once(mini.error());
    }
  }
}

void FileSymbols::build_index() {
  std::vector<SymbolTable> tables;
  tables.push_back(SymbolTable::read(binary_->elf, TableKind::kDynsym));
  tables.push_back(SymbolTable::read(binary_->elf, TableKind::kSymtab));
  for (const ElfPtr& file : {files_.debug, minidebuginfo_}) {
    if (file != nullptr) {
      tables.push_back(SymbolTable::read(file, TableKind::kSymtab, bias_between(*binary_->elf, *file)));
    }
  }
  index_.emplace(binary_->elf, std::move(tables));
}

SourceFrame FileSymbols::from_symbol(const SymbolIndex::Found& found) const {
  SourceFrame frame;
  frame.function = demangle(found.name, options_.demangle);
  frame.system_name = found.name;
  return frame;
}

void FileSymbols::find(elf::ElfAddress address, std::vector<SourceFrame>& out) {
  out.clear();
  if (const auto symbol = index_->find(address)) {
    out.push_back(from_symbol(*symbol));
  } else if (const auto stub = plt_->find(address, *index_)) {
    SourceFrame frame;
    frame.system_name = stub->name;
    const std::string_view target = std::string_view(stub->name).substr(0, stub->name.rfind('@'));
    frame.function = demangle(target, options_.demangle) + "@plt";
    out.push_back(std::move(frame));
  }
}

std::uint64_t FileSymbols::memory_bytes() const {
  constexpr std::uint64_t kOwn = 4096;  // headers of the files, roughly
  return kOwn + index_->memory_bytes() + plt_->memory_bytes() +
         (minidebuginfo_ == nullptr ? 0 : minidebuginfo_->bytes().size());
}

void FileSymbols::drop_pages() const {
  for (const ElfPtr& file : {binary_->elf, files_.debug, files_.supplementary, files_.package}) {
    if (file != nullptr) {
      file->drop_pages();
    }
  }
}

}  // namespace stoker::symbolize
