// An ELF file's headers, read from bytes that whoever runs on the host has written.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/mapped_file.h"
#include "elf/address.h"

namespace stoker::elf {

// e_machine (ELF gABI); other machines parse but have their raw number.
enum class Machine : std::uint16_t { kX86_64 = 62, kAarch64 = 183 };

// A section header, 64-bit form. Offsets and sizes are as the file says: ask ElfFile for bytes, it checks.
struct Section {
  std::string_view name;
  std::uint32_t type = 0;
  std::uint64_t flags = 0;
  ElfAddress address;
  FileOffset offset;
  std::uint64_t size = 0;
  std::uint32_t link = 0;
  std::uint32_t info = 0;
  std::uint64_t entry_size = 0;
};

// A program header, 64-bit form.
struct ProgramHeader {
  std::uint32_t type = 0;
  std::uint32_t flags = 0;
  FileOffset offset;
  ElfAddress address;
  std::uint64_t file_size = 0;
  std::uint64_t memory_size = 0;
  std::uint64_t alignment = 0;
};

// Bytes of a section: a view of the file, or inflated bytes that this object owns.
class SectionBytes {
 public:
  SectionBytes() = default;
  explicit SectionBytes(ByteView view) : view_(view) {}
  explicit SectionBytes(std::vector<std::byte> owned)
      : owned_(std::make_shared<const std::vector<std::byte>>(std::move(owned))), view_(*owned_) {}
  ByteView bytes() const { return view_; }
  bool owned() const { return owned_ != nullptr; }

 private:
  std::shared_ptr<const std::vector<std::byte>> owned_;
  ByteView view_;
};

// Immutable once made, so any thread may read it. 64-bit little-endian only: others are an error that says
// so.
class ElfFile {
 public:
  // The bytes must outlive the result. name is for messages.
  static Result<ElfFile> parse(ByteView bytes, std::string name);
  // Maps the file and keeps it mapped.
  static Result<ElfFile> open(const std::string& path);
  static Result<ElfFile> from(MappedFile file, std::string name);

  const std::string& name() const { return name_; }
  ByteView bytes() const { return bytes_; }
  std::uint16_t type() const { return type_; }  // ET_EXEC, ET_DYN, …
  Machine machine() const { return machine_; }
  ElfAddress entry() const { return entry_; }
  const std::vector<Section>& sections() const {
    return sections_;
  }  // empty when the file has no section headers
  const std::vector<ProgramHeader>& program_headers() const { return program_headers_; }
  const std::vector<Segment>& executable_segments() const { return executable_segments_; }

  // What of the file is missing, as of one that was cut short: the first of its headers, or of what they point to, that
  // lies outside of it. What is missing reads as absent.
  const std::optional<Error>& damage() const { return damage_; }

  const Section* find_section(std::string_view name) const;
  const Section* find_section_by_type(std::uint32_t type) const;
  const ProgramHeader* find_program_header(std::uint32_t type) const;

  // Bytes as they lie in the file; empty for SHT_NOBITS and for what is not wholly inside the file.
  ByteView raw(const Section& section) const;
  ByteView raw(const ProgramHeader& header) const;

  // The section's contents, inflated where it is compressed: SHF_COMPRESSED (gABI, zlib and zstd) and
  // .zdebug_* ("ZLIB", 64-bit big-endian size, zlib stream). An error for a bad stream or one of more than limit
  // bytes: what a compressed section grows to is the file author's word.
  Result<SectionBytes> contents(const Section& section, std::uint64_t limit) const;
  // The same by name, a .debug_X being found as .zdebug_X too; empty bytes when there is no such section.
  Result<SectionBytes> contents(std::string_view name, std::uint64_t limit) const;

  // Bytes of a note's descriptor (SHT_NOTE sections and PT_NOTE segments); empty when absent.
  ByteView note(std::string_view owner, std::uint32_t type) const;

  // GNU build id in lower-case hex; "" when the file has none.
  std::string build_id() const;

  // Whether [address, address+size) lies in an executable PT_LOAD (or, in files without one, in an
  // SHF_EXECINSTR section).
  bool is_code(ElfAddress address) const;

  // Gives file pages that were read back to the kernel. No-op for parse().
  void drop_pages() const { mapping_.drop_pages(); }

 private:
  ElfFile() = default;
  Result<> read_headers();
  void note_damage(std::string why);
  bool is_outside(const Section& section) const;

  std::string name_;
  MappedFile mapping_;
  ByteView bytes_;
  std::uint16_t type_ = 0;
  Machine machine_{};
  ElfAddress entry_;
  std::vector<Section> sections_;
  std::vector<ProgramHeader> program_headers_;
  std::vector<Segment> executable_segments_;
  std::optional<Error> damage_;
};

// The bytes of one note in a run of notes (ELF gABI, "Note Section"); alignment 4, or 8 as the header has it.
ByteView find_note(ByteView notes, std::string_view owner, std::uint32_t type, std::uint64_t alignment);

std::string to_hex(ByteView bytes);

}  // namespace stoker::elf
