// A small ELF file made in memory, for tests and fuzz targets that need one around a section's bytes.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "elf/elf_file.h"

namespace stoker::unwind::test {

struct MadeSection {
  std::string name;
  std::uint64_t address = 0;  // of a section in memory
  std::uint64_t flags = 2;    // SHF_ALLOC
  std::vector<std::byte> bytes;
};

struct MadeElf {
  elf::Machine machine = elf::Machine::kX86_64;
  std::uint64_t entry = 0;
  std::uint64_t text_address = 0x1000;
  std::vector<std::byte> text = std::vector<std::byte>(0x1000, std::byte{0xcc});  // one PT_LOAD with PF_X
  std::vector<MadeSection> sections;
  bool section_headers = true;
  // With one, a PT_GNU_EH_FRAME for the section of that name; all sections lie in a read-only PT_LOAD.
  std::string eh_frame_header;

  std::vector<std::byte> bytes() const;
};

inline void put(std::vector<std::byte>& out, std::uint64_t value, unsigned width) {
  for (unsigned i = 0; i < width; ++i) {
    out.push_back(static_cast<std::byte>(value >> (8 * i)));
  }
}

inline std::vector<std::byte> MadeElf::bytes() const {
  constexpr std::uint64_t kHeader = 64;
  constexpr std::uint64_t kProgramHeader = 56;
  // The sections' bytes lie where their addresses say, so that one segment at address 0x100000 holds them.
  constexpr std::uint64_t kData = 0x100000;
  std::vector<std::byte> body;  // from file offset kHeader + 3 * kProgramHeader
  const std::uint64_t text_offset = kHeader + 3 * kProgramHeader;
  body = text;
  const std::uint64_t data_offset = text_offset + body.size();
  std::uint64_t data_size = 0;
  std::vector<std::uint64_t> offsets;
  std::uint64_t header_address = 0;
  std::uint64_t header_size = 0;
  for (const MadeSection& section : sections) {
    std::uint64_t at = body.size();
    if (section.address >= kData && section.address - kData < (1U << 20)) {
      at = data_offset - text_offset + (section.address - kData);
      if (body.size() < at) {
        body.resize(static_cast<std::size_t>(at));
      }
      data_size = std::max(data_size, section.address - kData + section.bytes.size());
    }
    offsets.push_back(text_offset + at);
    if (body.size() < at + section.bytes.size()) {
      body.resize(static_cast<std::size_t>(at + section.bytes.size()));
    }
    if (!section.bytes.empty()) {
      std::memcpy(body.data() + at, section.bytes.data(), section.bytes.size());
    }
    if (section.name == eh_frame_header) {
      header_address = section.address;
      header_size = section.bytes.size();
    }
  }
  std::string names(1, '\0');
  std::vector<std::size_t> name_offsets;
  for (const MadeSection& section : sections) {
    name_offsets.push_back(names.size());
    names += section.name + '\0';
  }
  const std::size_t own_name = names.size();
  names += std::string(".shstrtab") + '\0';
  const std::uint64_t names_offset = text_offset + body.size();
  for (const char c : names) {
    body.push_back(static_cast<std::byte>(c));
  }
  const std::uint64_t table = text_offset + body.size();
  const std::uint64_t count = section_headers ? sections.size() + 2 : 0;

  std::vector<std::byte> out;
  for (const int c : {0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0}) {
    out.push_back(static_cast<std::byte>(c));
  }
  put(out, 0, 8);
  put(out, 3, 2);
  put(out, static_cast<std::uint64_t>(machine), 2);
  put(out, 1, 4);
  put(out, entry, 8);
  put(out, kHeader, 8);
  put(out, section_headers ? table : 0, 8);
  put(out, 0, 4);
  put(out, kHeader, 2);
  put(out, kProgramHeader, 2);
  put(out, 3, 2);
  put(out, 64, 2);
  put(out, count, 2);
  put(out, count == 0 ? 0 : count - 1, 2);
  const auto program_header = [&out](std::uint32_t type, std::uint32_t flags, std::uint64_t offset,
                                     std::uint64_t address, std::uint64_t size) {
    put(out, type, 4);
    put(out, flags, 4);
    put(out, offset, 8);
    put(out, address, 8);
    put(out, address, 8);
    put(out, size, 8);
    put(out, size, 8);
    put(out, 0x1000, 8);
  };
  program_header(1, 5, text_offset, text_address, text.size());
  program_header(1, 4, data_offset, kData, data_size);
  program_header(eh_frame_header.empty() ? 0 : 0x6474e550, 4, data_offset + (header_address - kData),
                 header_address, header_size);
  out.insert(out.end(), body.begin(), body.end());
  const auto section_header = [&out](std::uint64_t name, std::uint32_t type, std::uint64_t flags,
                                     std::uint64_t address, std::uint64_t offset, std::uint64_t size) {
    put(out, name, 4);
    put(out, type, 4);
    put(out, flags, 8);
    put(out, address, 8);
    put(out, offset, 8);
    put(out, size, 8);
    put(out, 0, 4);
    put(out, 0, 4);
    put(out, 1, 8);
    put(out, 0, 8);
  };
  section_header(0, 0, 0, 0, 0, 0);
  for (std::size_t i = 0; i < sections.size(); ++i) {
    section_header(name_offsets[i], 1, sections[i].flags, sections[i].address, offsets[i],
                   sections[i].bytes.size());
  }
  section_header(own_name, 3, 0, 0, names_offset, names.size());
  return out;
}

}  // namespace stoker::unwind::test
