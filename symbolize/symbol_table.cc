#include "symbolize/symbol_table.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "symbolize/mapping_symbol.h"

namespace stoker::symbolize {
namespace {

// References to symbols have 30 bits (symbol_index.cc).
constexpr std::uint64_t kMostSymbols = (1u << 30) - 1;

}  // namespace

SymbolTable SymbolTable::read(std::shared_ptr<const elf::ElfFile> file, TableKind kind, std::uint64_t bias) {
  SymbolTable table;
  table.kind_ = kind;
  table.bias_ = bias;
  const elf::Section* section =
      file->find_section_by_type(kind == TableKind::kDynsym ? SHT_DYNSYM : SHT_SYMTAB);
  if (section == nullptr || section->link >= file->sections().size()) {
    return table;
  }
  table.symbols_ = file->raw(*section);
  table.names_ = file->raw(file->sections()[section->link]);
  table.count_ = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(table.symbols_.size() / sizeof(Elf64_Sym), kMostSymbols));
  if (kind == TableKind::kDynsym) {
    if (const elf::Section* versions = file->find_section_by_type(SHT_GNU_versym); versions != nullptr) {
      table.versions_ = file->raw(*versions);
    }
  }
  for (const elf::Section& each : file->sections()) {
    table.code_sections_.push_back((each.flags & SHF_EXECINSTR) != 0);
  }
  table.file_ = std::move(file);
  return table;
}

std::string_view SymbolTable::text_at(std::uint32_t offset) const {
  const std::string_view names = as_text(names_);
  if (offset >= names.size()) {
    return {};
  }
  const std::size_t end = names.find('\0', offset);
  return end == std::string_view::npos ? std::string_view{} : names.substr(offset, end - offset);
}

std::string_view SymbolTable::name(std::uint32_t index) const {
  if (index >= count_) {
    return {};
  }
  Elf64_Sym raw;
  std::memcpy(&raw, symbols_.data() + std::size_t{index} * sizeof raw, sizeof raw);
  return text_at(raw.st_name);
}

bool SymbolTable::code_symbol(std::uint32_t index, Symbol& symbol) const {
  if (index >= count_) {
    return false;
  }
  Elf64_Sym raw;
  std::memcpy(&raw, symbols_.data() + std::size_t{index} * sizeof raw, sizeof raw);
  const unsigned type = ELF64_ST_TYPE(raw.st_info);
  if (raw.st_shndx == SHN_UNDEF || raw.st_name == 0 ||
      (type != STT_FUNC && type != STT_GNU_IFUNC && type != STT_NOTYPE)) {
    return false;
  }
  // A section's own index says whether it holds code; SHN_XINDEX and SHN_ABS do not, and the index then goes
  // by address alone.
  const bool known = raw.st_shndx < code_sections_.size();
  if ((known && !code_sections_[raw.st_shndx]) || (type == STT_NOTYPE && !known)) {
    return false;
  }
  symbol.name = text_at(raw.st_name);
  if (symbol.name.empty() || (type == STT_NOTYPE && is_mapping_symbol(symbol.name))) {
    return false;
  }
  symbol.start = raw.st_value + bias_;
  symbol.size = raw.st_size;
  symbol.type = static_cast<std::uint8_t>(type);
  symbol.local = ELF64_ST_BIND(raw.st_info) == STB_LOCAL;
  std::uint16_t version = 0;
  if (const ByteView at = slice(versions_, std::uint64_t{index} * sizeof version, sizeof version);
      !at.empty()) {
    std::memcpy(&version, at.data(), sizeof version);
  }
  symbol.hidden_version = (version & 0x8000) != 0;
  return true;
}

}  // namespace stoker::symbolize
