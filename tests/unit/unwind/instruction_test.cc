#include "unwind/x86_64/instruction.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include "elf/elf_file.h"

namespace stoker::unwind::x86_64 {
namespace {

using std::string_view_literals::operator""sv;

constexpr auto kObjdump = "/usr/bin/objdump";

std::optional<Instruction> decoded(std::string_view bytes) {
  return decode(std::as_bytes(std::span(bytes)));
}

class Lengths : public testing::TestWithParam<std::string> {};

// objdump prints an address and a colon for each instruction.
TEST_P(Lengths, EqualObjdumps) {
  const auto file = elf::ElfFile::open(GetParam());
  if (!file || !std::filesystem::exists(kObjdump)) {
    GTEST_SKIP() << "needs objdump and " << GetParam();
  }
  const elf::Section* text = file->find_section(".text");
  ASSERT_NE(text, nullptr);
  const ByteView code = file->raw(*text);
  const std::string command =
      fmt::format("{} -d -j .text --no-show-raw-insn {} 2>/dev/null", kObjdump, GetParam());
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "r"), ::pclose);
  ASSERT_NE(pipe, nullptr);
  std::array<char, 4096> line{};
  std::uint64_t expected = 0;  // where the next instruction begins
  std::uint64_t instructions = 0;
  std::uint64_t wrong = 0;
  std::string first;
  while (std::fgets(line.data(), line.size(), pipe.get()) != nullptr) {
    std::string_view view(line.data());
    view.remove_prefix(std::min(view.find_first_not_of(' '), view.size()));
    if (view.starts_with("\t...")) {
      expected = 0;  // zeros, which are data
      continue;
    }
    std::uint64_t address = 0;
    const auto [end, error] = std::from_chars(view.data(), view.data() + view.size(), address, 16);
    if (error != std::errc{} || *end != ':') {
      continue;
    }
    if (expected != 0 && address != expected && ++wrong < 20) {
      first += fmt::format("{:#x} should begin at {:#x}\n", expected, address);
    }
    const auto instruction = decode(code.subspan(address - text->address.value));
    // What objdump cannot decode either is data; it takes fwait as part of the next instruction, and rep or REX apart.
    const bool apart = view.contains("(bad)") || view.contains(".byte") || view.contains("rex") ||
                       view.contains("data16") || view.contains("fstcw") || view.contains("rep");
    ++instructions;
    wrong += !instruction && !apart ? 1 : 0;
    expected = instruction && !apart ? address + instruction->length : 0;
  }
  EXPECT_GT(instructions, 1000u);
  // libcrypto has constants between its functions, of which objdump makes instructions that nothing runs: fwait joined to
  // the next, jumps of 16 bits.
  const bool has_constants = GetParam().contains("libcrypto");
  EXPECT_LE(wrong, has_constants ? instructions / 20000 : 0) << "of " << instructions << "\n" << first;
}

INSTANTIATE_TEST_SUITE_P(Files, Lengths,
                         testing::Values("/bin/true", "/lib/x86_64-linux-gnu/libc.so.6",
                                         "/usr/lib/x86_64-linux-gnu/libcrypto.so.3",
                                         "/lib/ld-musl-x86_64.so.1"));

TEST(Instruction, CutShortIsNone) {
  constexpr auto kMove = "\x48\xb8\x01\x02\x03\x04\x05\x06\x07\x08"sv;  // movabs $imm64,%rax
  EXPECT_EQ(decoded(kMove)->length, 10);
  for (std::size_t size = 0; size < kMove.size(); ++size) {
    EXPECT_FALSE(decoded(kMove.substr(0, size))) << size;
  }
}

TEST(Instruction, NoMoreThanFifteenBytes) {
  const std::string prefixes(14, '\x66');
  EXPECT_EQ(decoded(prefixes + "\x90")->length, 15);
  EXPECT_FALSE(decoded(prefixes + "\x66\x90"));
}

TEST(Instruction, PlacesOnTheStackAreOfRspWithADisplacement) {
  const auto store = decoded("\x48\x89\x6c\x24\x10"sv);  // mov %rbp,16(%rsp)
  ASSERT_TRUE(store);
  EXPECT_EQ(store->base, kSp);
  EXPECT_EQ(store->displacement, 16);
  EXPECT_EQ(store->reg, kBp);
  EXPECT_FALSE(store->indexed);
}

TEST(Instruction, RegistersWrittenAreThoseOfTheOperand) {
  EXPECT_EQ(written_registers(*decoded("\x48\x89\xd8"sv)), 1 << kAx);         // mov %rbx,%rax
  EXPECT_EQ(written_registers(*decoded("\x48\x39\xd8"sv)), 0);                // cmp %rbx,%rax
  EXPECT_EQ(written_registers(*decoded("\xb7\x01"sv)), 1 << kBx);             // mov $1,%bh
  EXPECT_EQ(written_registers(*decoded("\x4c\x0f\x44\xe0"sv)), 1 << kGpr12);  // cmove %rax,%r12
  EXPECT_EQ(written_registers(*decoded("\x66\x0f\xef\xed"sv)), 0);            // pxor %xmm5,%xmm5
  EXPECT_EQ(written_registers(*decoded("\xc4\xe2\xc3\xf6\xe8"sv)),            // mulx %rax,%rdi,%rbp
            1 << kBp | 1 << kDi);
}

}  // namespace
}  // namespace stoker::unwind::x86_64
