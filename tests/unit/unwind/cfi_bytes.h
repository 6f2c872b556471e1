// Writes .eh_frame and .debug_frame sections by hand.
#pragma once

#include <initializer_list>
#include <string>

#include "tests/unit/unwind/made_elf.h"
#include "unwind/cfi.h"
#include "unwind/table_builder.h"

namespace stoker::unwind::test {

using Bytes = std::vector<std::byte>;

inline Bytes program(std::initializer_list<int> values) {
  Bytes bytes;
  for (const int value : values) {
    bytes.push_back(static_cast<std::byte>(value));
  }
  return bytes;
}

// def_cfa rsp+8; offset rip, cfa-8: what every x86-64 CIE says.
inline Bytes usual_cie_program() {
  return program({0x0c, 7, 8, 0x90, 1});
}

class CfiBytes {
 public:
  static constexpr std::uint64_t kAddress = 0x100000;

  explicit CfiBytes(CfiKind kind = CfiKind::kEhFrame, bool wide = false) : kind_(kind), wide_(wide) {}

  struct CieOptions {
    std::string augmentation;
    Bytes augmentation_data;  // with 'z'
    Bytes instructions = usual_cie_program();
    int version = 1;
    int code_alignment = 1;
    int data_alignment = -8;
    int return_address = 16;
  };

  std::size_t cie(const CieOptions& options) {
    Bytes body;
    put(body, static_cast<std::uint64_t>(options.version), 1);
    for (const char c : options.augmentation) {
      body.push_back(static_cast<std::byte>(c));
    }
    put(body, 0, 1);
    if (options.augmentation == "eh") {
      put(body, 0x1234, 8);
    }
    if (options.version == 4) {
      put(body, 8, 1);
      put(body, 0, 1);
    }
    put(body, static_cast<std::uint64_t>(options.code_alignment), 1);
    put(body, static_cast<std::uint64_t>(options.data_alignment) & 0x7f, 1);
    put(body, static_cast<std::uint64_t>(options.return_address), 1);
    if (options.augmentation.starts_with('z')) {
      put(body, options.augmentation_data.size(), 1);
      append(body, options.augmentation_data);
    }
    append(body, options.instructions);
    const std::size_t at = bytes_.size();
    const bool eh = kind_ == CfiKind::kEhFrame;
    entry(eh ? 0 : ~std::uint64_t{0}, body);
    return at;
  }

  // range: start and size as encoded; augmentation: the size byte and data where the CIE has 'z'.
  void fde(std::size_t cie, const Bytes& range, const Bytes& instructions, const Bytes& augmentation = {}) {
    Bytes body = range;
    append(body, augmentation);
    append(body, instructions);
    const std::uint64_t id_at = bytes_.size() + (wide_ ? 12 : 4);
    entry(kind_ == CfiKind::kEhFrame ? id_at - cie : cie, body);
  }
  void fde(std::size_t cie, std::uint64_t start, std::uint64_t size, const Bytes& instructions) {
    Bytes range;
    put(range, start, 8);
    put(range, size, 8);
    fde(cie, range, instructions);
  }

  // Where the range of an FDE added next will be: what pc-relative starts are relative to.
  std::uint64_t next_field() const { return kAddress + bytes_.size() + (wide_ ? 12 : 4) + id_size(); }

  void raw(const Bytes& more) { append(bytes_, more); }
  const Bytes& bytes() const { return bytes_; }
  CfiSection section() const {
    CfiSection section;
    section.kind = kind_;
    section.bytes = bytes_;
    section.address = {kAddress};
    return section;
  }

  // An x86-64 file with these bytes as its section and code at 0x1000 to 0x2000.
  MadeElf file() const {
    MadeElf made;
    made.sections.push_back({kind_ == CfiKind::kEhFrame ? ".eh_frame" : ".debug_frame",
                             kind_ == CfiKind::kEhFrame ? kAddress : 0, 2, bytes_});
    return made;
  }

 private:
  static void append(Bytes& to, const Bytes& more) { to.insert(to.end(), more.begin(), more.end()); }
  unsigned id_size() const { return wide_ && kind_ == CfiKind::kDebugFrame ? 8 : 4; }
  void entry(std::uint64_t id, Bytes body) {
    const std::uint64_t size = body.size() + id_size();
    if (wide_) {
      put(bytes_, 0xffffffff, 4);
    }
    put(bytes_, size, wide_ ? 8 : 4);
    put(bytes_, id, id_size());
    append(bytes_, body);
  }

  CfiKind kind_;
  bool wide_;
  Bytes bytes_;
};

inline UnwindTables tables_of(const MadeElf& made, const BuildLimits& limits = {}) {
  const std::vector<std::byte> bytes = made.bytes();
  const auto file = elf::ElfFile::parse(bytes, "made");
  if (!file) {
    return {};
  }
  auto tables = build_tables(*file, limits);
  return tables ? *std::move(tables) : UnwindTables{};
}

// The row at an address; UNWIND_NONE without a table.
inline unwind_row row_at(const UnwindTables& tables, std::uint64_t address) {
  const UnwindTable* table = tables.find({address});
  return table == nullptr ? unwind_row{} : table->find({address}).value_or(unwind_row{});
}

}  // namespace stoker::unwind::test
