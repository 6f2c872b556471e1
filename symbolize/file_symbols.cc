#include "symbolize/file_symbols.h"

#include <elf.h>
#include <fmt/format.h>

#include <utility>

#include "symbolize/dwarf/sections.h"
#include "symbolize/function_name.h"

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
  open_go();
  if (options_.lines) {
    open_dwarf();
  }
  drop_pages();
}

FileSymbols::~FileSymbols() = default;

void FileSymbols::open_debug_files() {
  const elf::ElfFile& main = *binary_->elf;
  complaints_.once(main.damage());
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

void FileSymbols::open_go() {
  go_ = GoPclntab::open(binary_->elf);
  if (!go_ && binary_->elf->find_section(".gopclntab") != nullptr) {
    complaints_.once(
        {"no lines for " + binary_->path, "its .gopclntab is of a layout that is not known", {}, 0});
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

void FileSymbols::open_dwarf() {
  dwarf::Inputs inputs;
  inputs.main = binary_->elf;
  const bool separate = files_.debug != nullptr && !has_debug_info(*binary_->elf);
  inputs.debug = separate ? files_.debug : binary_->elf;
  if (!has_debug_info(*inputs.debug)) {
    return;
  }
  if (auto fits = check_fits(*inputs.debug); !fits) {
    complaints_.once(fits.error());
    return;
  }
  const std::string& path = separate ? files_.debug_path : binary_->path;
  files_.supplementary = finder_.find_supplementary(*binary_, *inputs.debug, path);
  files_.package = finder_.find_package(*binary_, files_.debug_path);
  for (ElfPtr* const more : {&files_.supplementary, &files_.package}) {
    if (auto fits = *more == nullptr ? Result<>{} : check_fits(**more); !fits) {
      complaints_.once(fits.error());
      more->reset();
    }
  }
  inputs.supplementary = files_.supplementary;
  inputs.package = files_.package;
  inputs.open_dwo = [this](std::string_view comp_dir, std::string_view name, std::uint64_t) {
    return open_dwo(comp_dir, name);
  };
  inputs.complain = [this](const Error& error) { complaints_.once(error); };
  if (auto opened = dwarf::Dwarf::open(std::move(inputs))) {
    dwarf_ = *std::move(opened);
  } else {
    complaints_.once(opened.error());
  }
}

Result<ElfPtr> FileSymbols::open_dwo(std::string_view comp_dir, std::string_view name) {
  auto file = finder_.open_dwo(*binary_, comp_dir, name);
  if (!file) {
    return file;
  }
  if (auto fits = check_fits(**file); !fits) {
    complaints_.once(fits.error());
    return std::unexpected(fits.error());
  }
  return file;
}

// Compressed debug data has to be inflated whole, and lies in memory as long as it is used.
Result<> FileSymbols::check_fits(const elf::ElfFile& file) const {
  const std::uint64_t bytes = dwarf::inflated_bytes(file);
  if (bytes <= options_.memory_budget) {
    return {};
  }
  return make_error("no lines for " + binary_->path,
                    fmt::format("compressed debug data of {} needs {} MiB of the {} MiB for symbols",
                                file.name(), bytes >> 20, options_.memory_budget >> 20),
                    "raise symbols.memory_budget or decompress it (objcopy --decompress-debug-sections)");
}

SourceFrame FileSymbols::named(std::string_view system_name, Suffixes suffixes) const {
  SourceFrame frame;
  frame.function = demangle(system_name, options_.demangle, suffixes);
  frame.system_name = system_name;
  return frame;
}

bool FileSymbols::find_go(elf::ElfAddress address, std::vector<SourceFrame>& out) {
  if (!go_ || !go_->find(address, go_frames_)) {
    return false;
  }
  for (const GoPclntab::Frame& frame : go_frames_) {
    const std::string function(frame.function);
    out.push_back({function, function, std::string(frame.file), frame.line, frame.start_line});
  }
  return true;
}

std::string_view FileSymbols::name_of(const dwarf::Frame& frame, elf::ElfAddress address) const {
  FunctionNames names;
  names.linkage = frame.linkage_name;
  names.source = frame.name;
  if (!frame.inlined) {
    const auto symbol = index_->find(address);
    names.at_address = symbol ? symbol->name : std::string_view{};
    const bool elsewhere = !symbol || symbol->start.value != frame.entry;
    const auto entry = elsewhere && frame.entry != 0 ? index_->find({frame.entry}) : symbol;
    if (entry && entry->start.value == frame.entry) {
      names.at_entry = entry->name;
      names.entry_exported = entry->exported;
    }
  }
  return choose_name(names);
}

// Lines, files and inlined calls are DWARF's to know. Its functions are those of the source: what the compiler made
// of them (a cold part, a clone) is in the system name only.
bool FileSymbols::find_dwarf(elf::ElfAddress address, std::vector<SourceFrame>& out) {
  if (dwarf_ == nullptr || !dwarf_->find(address, dwarf_frames_) || dwarf_frames_.empty()) {
    return false;
  }
  for (dwarf::Frame& frame : dwarf_frames_) {
    SourceFrame& made = out.emplace_back(named(name_of(frame, address), Suffixes::kStrip));
    made.file = std::move(frame.file);
    made.line = frame.line;
    made.start_line = frame.start_line;
  }
  return true;
}

void FileSymbols::find_symbol(elf::ElfAddress address, std::vector<SourceFrame>& out) const {
  if (const auto symbol = index_->find(address)) {
    out.push_back(named(symbol->name, options_.suffixes));
  } else if (const auto stub = plt_->find(address, *index_)) {
    SourceFrame& frame = out.emplace_back(
        named(std::string_view(stub->name).substr(0, stub->name.rfind('@')), options_.suffixes));
    frame.function += "@plt";
    frame.system_name = stub->name;
  }
}

void FileSymbols::find(elf::ElfAddress address, std::vector<SourceFrame>& out) {
  out.clear();
  if (!find_go(address, out) && !find_dwarf(address, out)) {
    find_symbol(address, out);
  }
}

void FileSymbols::trim() {
  if (dwarf_ != nullptr) {
    dwarf_->trim(0);
  }
}

std::uint64_t FileSymbols::memory_bytes() const {
  constexpr std::uint64_t kOwn = 4096;  // headers of the files, roughly
  return kOwn + index_->memory_bytes() + plt_->memory_bytes() +
         (minidebuginfo_ == nullptr ? 0 : minidebuginfo_->bytes().size()) +
         (dwarf_ == nullptr ? 0 : dwarf_->memory_bytes());
}

void FileSymbols::drop_pages() const {
  for (const ElfPtr& file : {binary_->elf, files_.debug, files_.supplementary, files_.package}) {
    if (file != nullptr) {
      file->drop_pages();
    }
  }
}

}  // namespace stoker::symbolize
