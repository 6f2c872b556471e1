// Entries of .eh_frame (LSB 5 §10.6) and .debug_frame (DWARF 5 §6.4.1): CIEs and FDEs.
#pragma once

#include <optional>
#include <unordered_map>
#include <vector>

#include "base/byte_reader.h"
#include "base/bytes.h"
#include "elf/address.h"

namespace stoker::unwind {

// DW_EH_PE_* (LSB 5 §10.5.1): the low four bits are the format, the next three what it is relative to.
enum PointerEncoding : std::uint8_t {
  kPointerAbsolute = 0x00,  // format: as wide as an address
  kPointerRelativeToField = 0x10,
  kPointerRelativeToText = 0x20,
  kPointerRelativeToData = 0x30,
  kPointerAligned = 0x50,
  kPointerIndirect = 0x80,
  kPointerOmitted = 0xff,
};

enum class CfiKind : std::uint8_t { kEhFrame, kDebugFrame };

// A section's bytes and what its pointers are relative to. The bytes must outlive whatever reads them.
struct CfiSection {
  CfiKind kind = CfiKind::kEhFrame;
  ByteView bytes;
  elf::ElfAddress address;  // of bytes[0]; for pc-relative pointers
  elf::ElfAddress text;     // for text-relative pointers
  elf::ElfAddress data;     // for data-relative pointers: the GOT in .eh_frame, the header in .eh_frame_hdr
  bool stops_at_terminator = false;  // where the section's end is not known, a zero length is the end
};

// Reads one pointer at the reader's position, which must be one over section.bytes. Fails the reader for
// encodings that are not known and for indirect ones: they point into data that only a loaded file has.
elf::ElfAddress read_pointer(ByteReader& reader, std::uint8_t encoding, unsigned address_size,
                             const CfiSection& section);

// Part of a section: instructions.
struct ProgramRange {
  std::uint32_t start = 0;
  std::uint32_t end = 0;
};

struct Cie {
  bool usable = false;  // false: its version or augmentation is not known, so its FDEs cannot be read
  std::uint8_t version = 0;
  std::uint8_t address_size = 8;
  std::uint8_t segment_size = 0;
  std::uint8_t fde_encoding = kPointerAbsolute;
  bool has_augmentation_size = false;  // 'z'
  bool signal_frame = false;           // 'S'
  std::uint64_t code_alignment = 1;
  std::int64_t data_alignment = 1;
  std::uint64_t return_address = 0;  // register
  ProgramRange program;
};

struct Fde {
  std::uint32_t offset = 0;  // of the entry in the section
  std::uint32_t cie = 0;     // for CfiReader::cie
  bool wide = false;         // of the format with 64-bit lengths
  elf::ElfAddress start;
  std::uint64_t size = 0;
  ProgramRange program;
};

// Goes through a section's entries in the order they lie in it. One that cannot be read is skipped and
// counted; one whose length reaches past the section ends the reading. Work is linear in the section's size.
class CfiReader {
 public:
  // Sections of more than 4 GiB are read as empty: their entries' offsets would not fit.
  explicit CfiReader(const CfiSection& section);

  std::optional<Fde> next();

  // The FDE at an offset that next() gave earlier.
  std::optional<Fde> fde_at(std::uint32_t offset);

  const CfiSection& section() const { return section_; }
  const Cie& cie(std::uint32_t index) const { return cies_[index]; }
  std::size_t cie_count() const { return cies_.size(); }
  std::uint64_t malformed() const { return malformed_; }

 private:
  struct Entry {
    std::uint64_t offset = 0;  // of its length field
    std::uint64_t body = 0;    // behind the id
    std::uint64_t end = 0;
    bool is_cie = false;
    bool wide = false;
    std::uint64_t cie_offset = 0;
  };
  std::optional<Entry> entry_at(std::uint64_t offset);
  std::optional<Fde> read_fde(const Entry& entry);
  std::optional<std::uint32_t> cie_at(std::uint64_t offset);
  Cie read_cie(const Entry& entry) const;

  CfiSection section_;
  std::uint64_t position_ = 0;
  std::vector<Cie> cies_;
  std::unordered_map<std::uint64_t, std::uint32_t> cie_by_offset_;
  std::optional<std::uint64_t> last_cie_offset_;
  std::uint32_t last_cie_ = 0;
  std::uint64_t malformed_ = 0;
};

}  // namespace stoker::unwind
