// Small ELF files for tests: headers, sections and symbols as a test wants them.
#pragma once

#include <elf.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "elf/elf_file.h"

namespace stoker::symbolize {

struct TestSymbol {
  std::string name;
  std::uint64_t value;
  std::uint64_t size;
  unsigned char type = STT_FUNC;
  unsigned char bind = STB_GLOBAL;
  std::uint16_t section = 1;
};

// Section 1 is .text at 0x1000. Others follow in the order they were added.
class ElfBuilder {
 public:
  static constexpr std::uint64_t kText = 0x1000;

  explicit ElfBuilder(std::uint64_t text_size = 0x1000) {
    Elf64_Shdr text = header(".text", SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR);
    text.sh_addr = kText;
    add(text, std::string(text_size, '\x90'));
    text_size_ = text_size;
  }

  ElfBuilder& section(const std::string& name, const std::string& bytes, std::uint64_t flags = 0,
                      std::uint64_t address = 0, std::uint32_t type = SHT_PROGBITS,
                      std::uint64_t entry_size = 0) {
    Elf64_Shdr shdr = header(name, type, flags);
    shdr.sh_addr = address;
    shdr.sh_entsize = entry_size;
    add(shdr, bytes);
    return *this;
  }

  ElfBuilder& symbols(const std::vector<TestSymbol>& all, std::uint32_t type = SHT_SYMTAB) {
    std::string names(1, '\0');
    std::string table(sizeof(Elf64_Sym), '\0');
    for (const TestSymbol& symbol : all) {
      Elf64_Sym raw{};
      raw.st_name = static_cast<Elf64_Word>(names.size());
      raw.st_info = static_cast<unsigned char>(ELF64_ST_INFO(symbol.bind, symbol.type));
      raw.st_shndx = symbol.section;
      raw.st_value = symbol.value;
      raw.st_size = symbol.size;
      table.append(reinterpret_cast<const char*>(&raw), sizeof raw);
      names += symbol.name;
      names += '\0';
    }
    Elf64_Shdr shdr = header(type == SHT_SYMTAB ? ".symtab" : ".dynsym", type, 0);
    shdr.sh_link = static_cast<Elf64_Word>(headers_.size() + 2);
    shdr.sh_entsize = sizeof(Elf64_Sym);
    add(shdr, table);
    add(header(type == SHT_SYMTAB ? ".strtab" : ".dynstr", SHT_STRTAB, 0), names);
    return *this;
  }

  std::string bytes() const {
    std::string out(sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr), '\0');
    std::vector<Elf64_Shdr> headers(1);
    for (std::size_t i = 0; i < headers_.size(); ++i) {
      headers.push_back(headers_[i]);
      headers.back().sh_offset = out.size();
      headers.back().sh_size = contents_[i].size();
      out += contents_[i];
    }
    headers.push_back({});
    headers.back().sh_type = SHT_STRTAB;
    headers.back().sh_offset = out.size();
    headers.back().sh_size = section_names_.size();
    out += section_names_;

    Elf64_Ehdr ehdr{};
    std::memcpy(ehdr.e_ident, ELFMAG, SELFMAG);
    ehdr.e_ident[EI_CLASS] = ELFCLASS64;
    ehdr.e_ident[EI_DATA] = ELFDATA2LSB;
    ehdr.e_type = ET_DYN;
    ehdr.e_machine = EM_X86_64;
    ehdr.e_phoff = sizeof ehdr;
    ehdr.e_phentsize = sizeof(Elf64_Phdr);
    ehdr.e_phnum = 1;
    ehdr.e_shoff = out.size();
    ehdr.e_shentsize = sizeof(Elf64_Shdr);
    ehdr.e_shnum = static_cast<Elf64_Half>(headers.size());
    ehdr.e_shstrndx = static_cast<Elf64_Half>(headers.size() - 1);
    std::memcpy(out.data(), &ehdr, sizeof ehdr);
    Elf64_Phdr load{};
    load.p_type = PT_LOAD;
    load.p_flags = PF_R | PF_X;
    load.p_offset = headers[1].sh_offset;
    load.p_vaddr = kText;
    load.p_filesz = load.p_memsz = text_size_;
    std::memcpy(out.data() + sizeof ehdr, &load, sizeof load);
    out.append(reinterpret_cast<const char*>(headers.data()), headers.size() * sizeof(Elf64_Shdr));
    return out;
  }

  // The file, which keeps its bytes.
  std::shared_ptr<const elf::ElfFile> build() const { return parse_elf(bytes()); }

  static std::shared_ptr<const elf::ElfFile> parse_elf(std::string bytes) {
    struct Owner {
      std::string bytes;
      std::shared_ptr<const elf::ElfFile> file;
    };
    auto owner = std::make_shared<Owner>();
    owner->bytes = std::move(bytes);
    auto file = elf::ElfFile::parse(as_bytes(owner->bytes), "built");
    if (!file) {
      return nullptr;
    }
    owner->file = std::make_shared<const elf::ElfFile>(*std::move(file));
    return {owner, owner->file.get()};
  }

 private:
  Elf64_Shdr header(const std::string& name, std::uint32_t type, std::uint64_t flags) {
    Elf64_Shdr shdr{};
    shdr.sh_name = static_cast<Elf64_Word>(section_names_.size());
    section_names_ += name;
    section_names_ += '\0';
    shdr.sh_type = type;
    shdr.sh_flags = flags;
    return shdr;
  }
  void add(const Elf64_Shdr& shdr, std::string bytes) {
    headers_.push_back(shdr);
    contents_.push_back(std::move(bytes));
  }

  std::string section_names_ = std::string(1, '\0');
  std::vector<Elf64_Shdr> headers_;
  std::vector<std::string> contents_;
  std::uint64_t text_size_ = 0;
};

}  // namespace stoker::symbolize
