// Hand-made debug sections, and the ELF file around them.
#pragma once

#include <elf.h>

#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "elf/elf_file.h"

namespace stoker::symbolize::dwarf::test {

// Appends little-endian numbers and text.
class Bytes {
 public:
  Bytes& u8(std::uint64_t value) { return number(value, 1); }
  Bytes& u16(std::uint64_t value) { return number(value, 2); }
  Bytes& u32(std::uint64_t value) { return number(value, 4); }
  Bytes& u64(std::uint64_t value) { return number(value, 8); }
  Bytes& uleb(std::uint64_t value) {
    while (value >= 0x80) {
      u8((value & 0x7f) | 0x80);
      value >>= 7;
    }
    return u8(value);
  }
  Bytes& sleb(std::int64_t value) {
    while (value < -64 || value > 63) {
      u8((static_cast<std::uint64_t>(value) & 0x7f) | 0x80);
      value >>= 7;
    }
    return u8(static_cast<std::uint64_t>(value) & 0x7f);
  }
  Bytes& text(std::string_view value) {
    data_ += value;
    data_ += '\0';
    return *this;
  }
  Bytes& raw(std::string_view value) {
    data_ += value;
    return *this;
  }
  std::size_t size() const { return data_.size(); }
  const std::string& str() const { return data_; }
  ByteView view() const { return as_bytes(data_); }

  // `body` behind its length in four bytes: how units, line programs and tables start.
  static Bytes with_length(const Bytes& body) {
    Bytes whole;
    return whole.u32(body.size()).raw(body.str());
  }

 private:
  Bytes& number(std::uint64_t value, unsigned width) {
    for (unsigned i = 0; i < width; ++i) {
      data_ += static_cast<char>(value >> (8 * i) & 0xff);
    }
    return *this;
  }
  std::string data_;
};

// An ELF file whose code is [kCodeStart, kCodeEnd), with the given sections. Owns its bytes.
inline constexpr std::uint64_t kCodeStart = 0x1000;
inline constexpr std::uint64_t kCodeEnd = 0x9000;

class MadeElf {
 public:
  using Named = std::pair<std::string, std::string>;

  explicit MadeElf(std::vector<Named> sections) {
    sections.emplace_back(".shstrtab", "");
    std::string names(1, '\0');
    std::vector<Elf64_Shdr> headers(1);
    std::string body;
    const std::size_t start = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr);
    for (auto& [name, content] : sections) {
      Elf64_Shdr header{};
      header.sh_name = static_cast<Elf64_Word>(names.size());
      names += name;
      names += '\0';
      if (name == ".shstrtab") {
        content = names;
      }
      header.sh_type = SHT_PROGBITS;
      header.sh_offset = start + body.size();
      header.sh_size = content.size();
      body += content;
      headers.push_back(header);
    }
    Elf64_Ehdr file{};
    std::memcpy(file.e_ident, ELFMAG, SELFMAG);
    file.e_ident[EI_CLASS] = ELFCLASS64;
    file.e_ident[EI_DATA] = ELFDATA2LSB;
    file.e_type = ET_DYN;
    file.e_machine = EM_X86_64;
    file.e_phoff = sizeof(file);
    file.e_phentsize = sizeof(Elf64_Phdr);
    file.e_phnum = 1;
    file.e_shoff = start + body.size();
    file.e_shentsize = sizeof(Elf64_Shdr);
    file.e_shnum = static_cast<Elf64_Half>(headers.size());
    file.e_shstrndx = static_cast<Elf64_Half>(headers.size() - 1);
    Elf64_Phdr segment{};
    segment.p_type = PT_LOAD;
    segment.p_flags = PF_R | PF_X;
    segment.p_vaddr = kCodeStart;
    segment.p_memsz = kCodeEnd - kCodeStart;
    bytes_.append(reinterpret_cast<const char*>(&file), sizeof(file));
    bytes_.append(reinterpret_cast<const char*>(&segment), sizeof(segment));
    bytes_ += body;
    bytes_.append(reinterpret_cast<const char*>(headers.data()), headers.size() * sizeof(Elf64_Shdr));
    file_ = std::make_shared<const elf::ElfFile>(*elf::ElfFile::parse(as_bytes(bytes_), "made"));
  }
  MadeElf(const MadeElf&) = delete;
  MadeElf& operator=(const MadeElf&) = delete;

  const std::shared_ptr<const elf::ElfFile>& file() const { return file_; }

 private:
  std::string bytes_;
  std::shared_ptr<const elf::ElfFile> file_;
};

}  // namespace stoker::symbolize::dwarf::test
