#include "elf/elf_file.h"

#include <elf.h>

#include <algorithm>
#include <utility>

#include "base/byte_reader.h"
#include "elf/inflate.h"

namespace stoker::elf {
namespace {

// Files with more headers than this are no program: the count is the file author's word.
constexpr std::uint64_t kMostHeaders = 1 << 20;

std::string_view name_at(ByteView names, std::uint32_t offset) {
  ByteReader reader(names);
  reader.seek(offset);
  return reader.cstr();
}

Section read_section(ByteReader& reader, std::uint32_t& name_offset) {
  Section section;
  name_offset = reader.u32();
  section.type = reader.u32();
  section.flags = reader.u64();
  section.address = {reader.u64()};
  section.offset = {reader.u64()};
  section.size = reader.u64();
  section.link = reader.u32();
  section.info = reader.u32();
  reader.u64();  // sh_addralign
  section.entry_size = reader.u64();
  return section;
}

ProgramHeader read_program_header(ByteReader& reader) {
  ProgramHeader header;
  header.type = reader.u32();
  header.flags = reader.u32();
  header.offset = {reader.u64()};
  header.address = {reader.u64()};
  reader.u64();  // p_paddr
  header.file_size = reader.u64();
  header.memory_size = reader.u64();
  header.alignment = reader.u64();
  return header;
}

}  // namespace

Result<ElfFile> ElfFile::parse(ByteView bytes, std::string name) {
  ElfFile file;
  file.name_ = std::move(name);
  file.bytes_ = bytes;
  if (auto read = file.read_headers(); !read) {
    return std::unexpected(read.error());
  }
  return file;
}

Result<ElfFile> ElfFile::from(MappedFile mapping, std::string name) {
  auto file = parse(mapping.bytes(), std::move(name));
  if (file) {
    file->mapping_ = std::move(mapping);
  }
  return file;
}

Result<ElfFile> ElfFile::open(const std::string& path) {
  auto mapping = MappedFile::open(path);
  if (!mapping) {
    return std::unexpected(mapping.error());
  }
  return from(*std::move(mapping), path);
}

Result<> ElfFile::read_headers() {
  const auto bad = [this](const char* why) { return make_error("cannot read ELF file " + name_, why); };
  ByteReader reader(bytes_);
  const std::string_view ident = as_text(reader.take(EI_NIDENT));
  if (!reader.ok() || !ident.starts_with(ELFMAG)) {
    return bad("not an ELF file");
  }
  if (ident[EI_CLASS] != ELFCLASS64 || ident[EI_DATA] != ELFDATA2LSB) {
    return bad("not a 64-bit little-endian file");
  }
  type_ = reader.u16();
  machine_ = static_cast<Machine>(reader.u16());
  reader.u32();  // e_version
  entry_ = {reader.u64()};
  const std::uint64_t program_offset = reader.u64();
  const std::uint64_t section_offset = reader.u64();
  reader.u32();  // e_flags
  reader.u16();  // e_ehsize
  const std::uint16_t program_size = reader.u16();
  std::uint64_t program_count = reader.u16();
  const std::uint16_t section_size = reader.u16();
  std::uint64_t section_count = reader.u16();
  std::uint64_t names_index = reader.u16();
  if (!reader.ok()) {
    return bad("the header is cut short");
  }

  // Counts that do not fit their 16 bits are in section 0 (gABI, e_shnum, e_shstrndx, e_phnum).
  std::uint32_t name_offset = 0;
  if (section_offset != 0 && section_size == sizeof(Elf64_Shdr)) {
    ByteReader first_reader(slice(bytes_, section_offset, sizeof(Elf64_Shdr)));
    const Section first = read_section(first_reader, name_offset);
    if (first_reader.ok()) {
      section_count = section_count == 0 ? first.size : section_count;
      names_index = names_index == SHN_XINDEX ? first.link : names_index;
      program_count = program_count == PN_XNUM ? first.info : program_count;
    }
  }

  if (program_size == sizeof(Elf64_Phdr) && program_count <= kMostHeaders) {
    ByteReader headers(slice(bytes_, program_offset, program_count * sizeof(Elf64_Phdr)));
    if (headers.remaining() == 0 && program_count != 0) {
      note_damage("its program headers lie outside the file");
    }
    while (headers.remaining() >= sizeof(Elf64_Phdr)) {
      program_headers_.push_back(read_program_header(headers));
      const ProgramHeader& header = program_headers_.back();
      if (header.type == PT_LOAD && (header.flags & PF_X) != 0) {
        executable_segments_.push_back({header.address, header.offset, header.file_size});
      }
    }
  }

  // A file cut short behind its program headers still maps and runs: sections are then absent, not an error.
  if (section_offset == 0) {
    return {};
  }
  ByteReader headers;
  if (section_size == sizeof(Elf64_Shdr) && section_count <= kMostHeaders) {
    headers = ByteReader(slice(bytes_, section_offset, section_count * sizeof(Elf64_Shdr)));
  }
  if (headers.remaining() == 0 && section_count != 0) {
    note_damage("its section headers lie outside the file");
  }
  std::vector<std::uint32_t> name_offsets;
  while (headers.remaining() >= sizeof(Elf64_Shdr)) {
    sections_.push_back(read_section(headers, name_offset));
    name_offsets.push_back(name_offset);
  }
  if (names_index < sections_.size()) {
    const ByteView names = raw(sections_[static_cast<std::size_t>(names_index)]);
    for (std::size_t i = 0; i < sections_.size(); ++i) {
      sections_[i].name = name_at(names, name_offsets[i]);
    }
  }
  for (const Section& section : sections_) {
    if (is_outside(section)) {
      note_damage("its section " + std::string(section.name) + " lies outside the file");
    }
  }
  return {};
}

void ElfFile::note_damage(std::string why) {
  if (!damage_) {
    damage_ = Error{"cannot read all of ELF file " + name_, std::move(why), {}, 0};
  }
}

bool ElfFile::is_outside(const Section& section) const {
  return section.type != SHT_NULL && section.type != SHT_NOBITS && section.size != 0 && raw(section).empty();
}

const Section* ElfFile::find_section(std::string_view name) const {
  const auto found = std::ranges::find(sections_, name, &Section::name);
  return found == sections_.end() ? nullptr : &*found;
}

const Section* ElfFile::find_section_by_type(std::uint32_t type) const {
  const auto found = std::ranges::find(sections_, type, &Section::type);
  return found == sections_.end() ? nullptr : &*found;
}

const ProgramHeader* ElfFile::find_program_header(std::uint32_t type) const {
  const auto found = std::ranges::find(program_headers_, type, &ProgramHeader::type);
  return found == program_headers_.end() ? nullptr : &*found;
}

ByteView ElfFile::raw(const Section& section) const {
  return section.type == SHT_NOBITS ? ByteView{} : slice(bytes_, section.offset.value, section.size);
}

ByteView ElfFile::raw(const ProgramHeader& header) const {
  return slice(bytes_, header.offset.value, header.file_size);
}

Result<SectionBytes> ElfFile::contents(const Section& section, std::uint64_t limit) const {
  const ByteView stored = raw(section);
  const std::string what = "cannot read section " + std::string(section.name) + " of " + name_;
  if ((section.flags & SHF_COMPRESSED) != 0) {
    return inflate_chdr(stored, limit, what);
  }
  if (section.name.starts_with(".zdebug_")) {
    return inflate_zdebug(stored, limit, what);
  }
  if (is_outside(section)) {
    return make_error(what, "it lies outside the file");
  }
  return SectionBytes(stored);
}

Result<SectionBytes> ElfFile::contents(std::string_view name, std::uint64_t limit) const {
  const Section* section = find_section(name);
  if (section == nullptr && name.starts_with(".debug_")) {
    section = find_section(".z" + std::string(name.substr(1)));
  }
  return section == nullptr ? SectionBytes{} : contents(*section, limit);
}

ByteView find_note(ByteView notes, std::string_view owner, std::uint32_t type, std::uint64_t alignment) {
  const std::uint64_t mask = (alignment == 8 ? 8 : 4) - 1;
  const auto padded = [mask](std::uint64_t size) { return (size + mask) & ~mask; };
  ByteReader reader(notes);
  while (reader.ok() && reader.remaining() >= 12) {
    const std::uint32_t name_size = reader.u32();
    const std::uint32_t desc_size = reader.u32();
    const std::uint32_t note_type = reader.u32();
    // Names are padded to 4 even in 8-aligned notes whose descriptors follow at the next 8.
    const std::size_t header_end = reader.position();
    const std::string_view name = as_text(reader.take(name_size));
    reader.seek(padded(header_end + name_size));
    const std::size_t desc_start = reader.position();
    const ByteView desc = reader.take(desc_size);
    if (reader.ok() && note_type == type && name.substr(0, name.find('\0')) == owner) {
      return desc;
    }
    reader.seek(std::min<std::uint64_t>(padded(desc_start + desc_size), notes.size()));
  }
  return {};
}

ByteView ElfFile::note(std::string_view owner, std::uint32_t type) const {
  for (const ProgramHeader& header : program_headers_) {
    if (header.type == PT_NOTE) {
      if (const ByteView found = find_note(raw(header), owner, type, header.alignment); !found.empty()) {
        return found;
      }
    }
  }
  for (const Section& section : sections_) {
    if (section.type == SHT_NOTE) {
      if (const ByteView found = find_note(raw(section), owner, type, 4); !found.empty()) {
        return found;
      }
    }
  }
  return {};
}

std::string ElfFile::build_id() const {
  return to_hex(note("GNU", NT_GNU_BUILD_ID));
}

bool ElfFile::is_code(ElfAddress address) const {
  const auto holds = [address](ElfAddress start, std::uint64_t size) {
    return address >= start && address.value - start.value < size;
  };
  for (const ProgramHeader& header : program_headers_) {
    if (header.type == PT_LOAD && (header.flags & PF_X) != 0 && holds(header.address, header.memory_size)) {
      return true;
    }
  }
  if (!executable_segments_.empty()) {
    return false;
  }
  return std::ranges::any_of(sections_, [&](const Section& section) {
    return (section.flags & SHF_EXECINSTR) != 0 && holds(section.address, section.size);
  });
}

std::string to_hex(ByteView bytes) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::byte byte : bytes) {
    text += kDigits[std::to_integer<unsigned>(byte) >> 4];
    text += kDigits[std::to_integer<unsigned>(byte) & 15];
  }
  return text;
}

}  // namespace stoker::elf
