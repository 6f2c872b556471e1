#include "symbolize/symbolizer.h"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <sys/auxv.h>

#include <cstring>

#include "base/mapped_file.h"
#include "symbolize/batch.h"
#include "tests/unit/symbolize/elf_builder.h"
#include "tests/unit/symbolize/temp_directory.h"

namespace stoker::symbolize {
namespace {

elf::BinaryPtr binary_of(std::uint32_t id, const ElfBuilder& builder) {
  auto binary = std::make_shared<elf::Binary>();
  binary->id = id;
  binary->path = "/bin/x";
  binary->elf = builder.build();
  return binary;
}

TEST(Symbolizer, NamesAreDemangledAndTheLinkageNameIsKept) {
  Symbolizer symbolizer({});
  const auto binary = binary_of(1, ElfBuilder().symbols({{"_Z3foov.cold", 0x1100, 16}}));
  const auto frames = symbolizer.symbolize(binary, {0x1100});
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0].function, "foo() [clone .cold]");
  EXPECT_EQ(frames[0].system_name, "_Z3foov.cold");
}

TEST(Symbolizer, NotesAboutPartsAndCopiesAreStrippedOnRequest) {
  Symbolizer symbolizer({.suffixes = Suffixes::kStrip, .debuginfod = {}});
  const auto binary =
      binary_of(1, ElfBuilder().symbols({{"_Z3foov.part.0", 0x1100, 16}, {"bar.constprop.0", 0x1200, 16}}));
  EXPECT_EQ(symbolizer.symbolize(binary, {0x1100})[0].function, "foo()");
  const auto frames = symbolizer.symbolize(binary, {0x1200});
  EXPECT_EQ(frames[0].function, "bar");
  EXPECT_EQ(frames[0].system_name, "bar.constprop.0");
}

TEST(Symbolizer, AnswersTheSameFromItsCache) {
  Symbolizer symbolizer({});
  const auto binary = binary_of(1, ElfBuilder().symbols({{"f", 0x1100, 16}, {"g", 0x1200, 16}}));
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(symbolizer.symbolize(binary, {0x1104})[0].function, "f");
    EXPECT_EQ(symbolizer.symbolize(binary, {0x1204})[0].function, "g");
    EXPECT_TRUE(symbolizer.symbolize(binary, {0x1300}).empty());
  }
}

TEST(Symbolizer, FilesWithTheSameAddressesAreKeptApart) {
  Symbolizer symbolizer({});
  const auto first = binary_of(1, ElfBuilder().symbols({{"first", 0x1100, 16}}));
  const auto second = binary_of(2, ElfBuilder().symbols({{"second", 0x1100, 16}}));
  EXPECT_EQ(symbolizer.symbolize(first, {0x1100})[0].function, "first");
  EXPECT_EQ(symbolizer.symbolize(second, {0x1100})[0].function, "second");
  EXPECT_EQ(symbolizer.symbolize(first, {0x1100})[0].function, "first");
}

TEST(Symbolizer, BinaryThatCouldNotBeOpenedHasNoNames) {
  Symbolizer symbolizer({});
  EXPECT_TRUE(symbolizer.symbolize(std::make_shared<elf::Binary>(), {0x1100}).empty());
  EXPECT_TRUE(symbolizer.symbolize(nullptr, {0x1100}).empty());
}

TEST(Symbolizer, ADamagedFileIsNamedOnceAndKeepsTheRest) {
  std::string bytes = ElfBuilder().symbols({{"f", 0x1100, 16}}).section(".debug_info", "units").bytes();
  Elf64_Ehdr header;
  std::memcpy(&header, bytes.data(), sizeof header);
  // Section 4, .debug_info, of 2^63 bytes.
  const std::uint64_t huge = std::uint64_t{1} << 63;
  std::memcpy(bytes.data() + header.e_shoff + 4 * sizeof(Elf64_Shdr) + offsetof(Elf64_Shdr, sh_size), &huge,
              sizeof huge);
  auto binary = std::make_shared<elf::Binary>();
  binary->id = 1;
  binary->path = "/bin/x";
  binary->elf = ElfBuilder::parse_elf(std::move(bytes));
  testing::internal::CaptureStderr();
  Symbolizer symbolizer({});
  EXPECT_EQ(symbolizer.symbolize(binary, {0x1100})[0].function, "f");
  EXPECT_EQ(symbolizer.symbolize(binary, {0x1104})[0].function, "f");
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "agent: cannot read all of ELF file built: its section .debug_info lies outside the file\n");
}

// Truth: the dynamic linker's own look-ups in the vDSO that the kernel gave this process.
TEST(Symbolizer, TheVdsosCodeHasItsNames) {
  const std::uint64_t start = ::getauxval(AT_SYSINFO_EHDR);
  void* const vdso = ::dlopen("linux-vdso.so.1", RTLD_LAZY | RTLD_NOLOAD);
  if (start == 0 || vdso == nullptr) {
    GTEST_SKIP() << "no vDSO";
  }
  const auto maps = read_file("/proc/self/maps");
  ASSERT_TRUE(maps);
  const std::size_t line = maps->rfind('\n', maps->find("[vdso]")) + 1;
  const std::uint64_t end = std::stoull(maps->substr(maps->find('-', line) + 1), nullptr, 16);
  auto binary = std::make_shared<elf::Binary>();
  binary->id = 1;
  binary->path = "[vdso]";
  binary->elf = ElfBuilder::parse_elf(std::string(reinterpret_cast<const char*>(start), end - start));
  ASSERT_NE(binary->elf, nullptr);
  Symbolizer symbolizer({});
#ifdef __x86_64__
  const std::string prefix = "__vdso_";
#else
  const std::string prefix = "__kernel_";
#endif
  for (const std::string name : {"clock_gettime", "gettimeofday", "clock_getres"}) {
    const auto address = reinterpret_cast<std::uint64_t>(::dlsym(vdso, (prefix + name).c_str()));
    ASSERT_NE(address, 0u) << name;
    const auto frames = symbolizer.symbolize(binary, {address - start});
    ASSERT_EQ(frames.size(), 1u) << name;
    EXPECT_TRUE(frames[0].function == name || frames[0].function == prefix + name) << frames[0].function;
  }
}

TEST(Symbolizer, StaysWithinItsBudgetOverManyFiles) {
  std::vector<TestSymbol> symbols;
  for (std::uint64_t i = 0; i < 5000; ++i) {
    symbols.push_back({"f" + std::to_string(i), 0x1000 + i * 16, 16});
  }
  const ElfBuilder builder = ElfBuilder(0x20000).symbols(symbols);
  Options options;
  options.memory_budget = 1 << 20;
  Symbolizer symbolizer(options);
  for (std::uint32_t id = 1; id <= 60; ++id) {
    EXPECT_EQ(symbolizer.symbolize(binary_of(id, builder), {0x1000 + 42 * 16})[0].function, "f42");
    EXPECT_LE(symbolizer.memory_bytes(), options.memory_budget + (128 << 10));
  }
}

TEST(Batch, PrintsOneJsonLineAnAddress) {
  TempDirectory directory;
  const std::string path =
      directory.write("x", ElfBuilder().symbols({{"say_\"hi\"\x01\xff", 0x1100, 16}}).bytes());
  auto batch = BatchSymbolizer::open(path, {});
  ASSERT_TRUE(batch);
  EXPECT_EQ(batch->json({0x1100}), R"({"file":")" + path +
                                       R"(","address":"0x1100","frames":[{"function":"say_\"hi\"\u0001)" +
                                       "\xef\xbf\xbd" + "\"}]}\n");
  EXPECT_EQ(batch->json({0x1200}), R"({"file":")" + path + R"(","address":"0x1200","frames":[]})" + "\n");
  EXPECT_EQ(batch->text({0x1200}), "0x1200: ??\n");
}

TEST(Batch, FileThatIsNoElfIsAnError) {
  TempDirectory directory;
  EXPECT_FALSE(BatchSymbolizer::open(directory.write("x", "text"), {}));
  EXPECT_FALSE(BatchSymbolizer::open(directory.path() + "/missing", {}));
}

TEST(Batch, AddressesAreHexadecimal) {
  EXPECT_EQ(parse_address("0x1f")->value, 0x1fu);
  EXPECT_EQ(parse_address("1F")->value, 0x1fu);
  EXPECT_FALSE(parse_address(""));
  EXPECT_FALSE(parse_address("0x"));
  EXPECT_FALSE(parse_address("12g"));
  EXPECT_FALSE(parse_address("11112222333344445"));
}

}  // namespace
}  // namespace stoker::symbolize
