#include "elf/elf_file.h"

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "tests/unit/symbolize/elf_builder.h"

namespace stoker::elf {
namespace {

using symbolize::ElfBuilder;
using testing::HasSubstr;

constexpr std::uint64_t kHuge = std::uint64_t{1} << 63;

// A file with .text, .symtab, .strtab and .debug_str, in this order from section 1 on.
std::string usual() {
  return ElfBuilder(0x100).symbols({{"f", 0x1000, 16}}).section(".debug_str", "text").bytes();
}

// The file with another value in a field of a section header or of the ELF header.
template <typename T>
void put(std::string& bytes, std::uint64_t offset, T value) {
  std::memcpy(bytes.data() + offset, &value, sizeof value);
}
std::uint64_t section_header(const std::string& bytes, std::size_t index) {
  Elf64_Ehdr header;
  std::memcpy(&header, bytes.data(), sizeof header);
  return header.e_shoff + index * sizeof(Elf64_Shdr);
}

std::string damage(const std::string& bytes) {
  const auto file = ElfFile::parse(as_bytes(bytes), "f");
  if (!file) {
    return "not read: " + file.error().message();
  }
  return file->damage() ? file->damage()->message() : "none";
}

TEST(ElfFile, AWholeFileIsNotDamaged) {
  EXPECT_EQ(damage(usual()), "none");
}

TEST(ElfFile, ASectionOf2To63BytesCostsItsOwnContentsOnly) {
  for (const std::uint64_t size : {kHuge, kHuge - 1, UINT64_MAX}) {
    for (const std::size_t field : {offsetof(Elf64_Shdr, sh_size), offsetof(Elf64_Shdr, sh_offset)}) {
      std::string bytes = usual();
      put(bytes, section_header(bytes, 4) + field, size);
      const auto file = ElfFile::parse(as_bytes(bytes), "f");
      ASSERT_TRUE(file);
      const Section* section = file->find_section(".debug_str");
      ASSERT_NE(section, nullptr);
      EXPECT_TRUE(file->raw(*section).empty());
      EXPECT_FALSE(file->contents(*section, UINT64_MAX));
      EXPECT_FALSE(file->raw(*file->find_section(".symtab")).empty());
      ASSERT_TRUE(file->damage());
      EXPECT_EQ(file->damage()->message(),
                "cannot read all of ELF file f: its section .debug_str lies outside the file");
    }
  }
}

TEST(ElfFile, ACountOf2To63SectionsIsNoneAtAll) {
  std::string bytes = usual();
  put<std::uint16_t>(bytes, offsetof(Elf64_Ehdr, e_shnum), 0);
  put(bytes, section_header(bytes, 0) + offsetof(Elf64_Shdr, sh_size), kHuge);
  const auto file = ElfFile::parse(as_bytes(bytes), "f");
  ASSERT_TRUE(file);
  EXPECT_TRUE(file->sections().empty());
  EXPECT_TRUE(file->is_code({ElfBuilder::kText})) << "segments are read all the same";
  EXPECT_THAT(damage(bytes), HasSubstr("section headers"));
}

TEST(ElfFile, AFileWithoutSectionHeadersIsNotDamaged) {
  std::string bytes = usual();
  put<std::uint64_t>(bytes, offsetof(Elf64_Ehdr, e_shoff), 0);
  const auto file = ElfFile::parse(as_bytes(bytes), "f");
  ASSERT_TRUE(file);
  EXPECT_TRUE(file->sections().empty());
  EXPECT_EQ(damage(bytes), "none");
}

TEST(ElfFile, ASegmentOf2To63BytesHasNoBytes) {
  std::string bytes = usual();
  put(bytes, sizeof(Elf64_Ehdr) + offsetof(Elf64_Phdr, p_filesz), kHuge);
  const auto file = ElfFile::parse(as_bytes(bytes), "f");
  ASSERT_TRUE(file);
  EXPECT_TRUE(file->raw(*file->find_program_header(PT_LOAD)).empty());
}

TEST(ElfFile, CutAnywhereItSaysSoOrIsNotRead) {
  const std::string whole = usual();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_NE(damage(whole.substr(0, size)), "none") << "cut at " << size;
  }
}

TEST(ElfFile, NotesOfImpossibleSizesAreNotFound) {
  const std::string name("GNU\0", 4);
  const auto note = [&](std::uint32_t name_size, std::uint32_t size) {
    std::string bytes;
    for (const std::uint32_t word : {name_size, size, std::uint32_t{NT_GNU_BUILD_ID}}) {
      bytes.append(reinterpret_cast<const char*>(&word), sizeof word);
    }
    return bytes + name + "\xab\xcd\xef\x01";
  };
  EXPECT_EQ(to_hex(find_note(as_bytes(note(4, 4)), "GNU", NT_GNU_BUILD_ID, 4)), "abcdef01");
  EXPECT_TRUE(find_note(as_bytes(note(4, UINT32_MAX)), "GNU", NT_GNU_BUILD_ID, 4).empty());
  EXPECT_TRUE(find_note(as_bytes(note(UINT32_MAX, 4)), "GNU", NT_GNU_BUILD_ID, 4).empty());
}

TEST(ElfFile, OtherFilesAreRefused) {
  EXPECT_THAT(damage(""), HasSubstr("not an ELF file"));
  EXPECT_THAT(damage(std::string(4096, '\x5a')), HasSubstr("not an ELF file"));
  std::string bytes = usual();
  bytes[EI_CLASS] = ELFCLASS32;
  EXPECT_THAT(damage(bytes), HasSubstr("not a 64-bit little-endian file"));
}

}  // namespace
}  // namespace stoker::elf
