// One budget for files, processes and the kernel: what is given up for it is read again, and answers stay the same.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "symbolize/symbolizer.h"
#include "tests/unit/symbolize/elf_builder.h"
#include "tests/unit/symbolize/temp_directory.h"

namespace stoker::symbolize {
namespace {

constexpr std::uint64_t kFunctions = 5000;
constexpr std::uint64_t kBase = 0x1000;
constexpr std::uint64_t kKernel = 0xffffffff81000000;

// The largest allocation between two looks at the budget: one file's or process's index.
constexpr std::uint64_t kSlack = 1 << 20;

std::uint64_t address_of(std::uint64_t function) {
  return kBase + function * 16;
}

std::vector<TestSymbol> symbols(const std::string& prefix) {
  std::vector<TestSymbol> all;
  for (std::uint64_t i = 0; i < kFunctions; ++i) {
    all.push_back({prefix + std::to_string(i), address_of(i), 16});
  }
  return all;
}

class Budget : public testing::Test {
 protected:
  elf::BinaryPtr binary(std::uint32_t id) {
    auto made = std::make_shared<elf::Binary>();
    made->id = id;
    made->path = "/bin/x";
    made->elf = ElfBuilder(0x20000).symbols(symbols(fmt::format("file{}_", id))).build();
    return made;
  }
  // Process numbers that the kernel does not give out.
  static pid_t process(int number) { return (1 << 22) + 1 + number; }
  void write_perf_map(int number) {
    std::string text;
    for (std::uint64_t i = 0; i < kFunctions; ++i) {
      text += fmt::format("{:x} 10 process{}_{}\n", address_of(i), number, i);
    }
    directory_.write(fmt::format("root/tmp/perf-{}.map", process(number)), text);
  }
  Options options(std::uint64_t budget) {
    std::string kallsyms;
    for (std::uint64_t i = 0; i < kFunctions; ++i) {
      kallsyms += fmt::format("{:x} T kernel_{}\n", kKernel + i * 16, i);
    }
    Options options;
    options.memory_budget = budget;
    options.kallsyms_path = directory_.write("kallsyms", kallsyms);
    return options;
  }
  static std::string name(std::span<const SourceFrame> frames) {
    return frames.empty() ? "" : frames[0].function;
  }
  std::string in_process(Symbolizer& symbolizer, int number, std::uint64_t function) {
    const CodeOwner owner{
        .pid = process(number),
        .inner_pid = process(number),
        .uid = ::getuid(),
        .root = std::make_shared<const TargetRoot>(*TargetRoot::open(directory_.path() + "/root"))};
    return name(symbolizer.symbolize_process(owner, {address_of(function)}));
  }

  TempDirectory directory_;
};

TEST_F(Budget, HoldsForFilesProcessesAndTheKernelTogetherAndAnswersStayRight) {
  constexpr int kEach = 16;
  std::vector<elf::BinaryPtr> binaries;
  for (int i = 0; i < kEach; ++i) {
    binaries.push_back(binary(static_cast<std::uint32_t>(i + 1)));
    write_perf_map(i);
  }
  const auto run = [&](std::uint64_t budget) {
    Symbolizer symbolizer(options(budget));
    std::uint64_t most = 0;
    for (std::uint64_t round = 0; round < 3; ++round) {
      for (int i = 0; i < kEach; ++i) {
        const std::uint64_t function = (round * 100 + static_cast<std::uint64_t>(i)) % kFunctions;
        EXPECT_EQ(name(symbolizer.symbolize(binaries[static_cast<std::size_t>(i)], {address_of(function)})),
                  fmt::format("file{}_{}", i + 1, function));
        EXPECT_EQ(in_process(symbolizer, i, function), fmt::format("process{}_{}", i, function));
        EXPECT_EQ(name(symbolizer.symbolize_kernel(kKernel + function * 16)),
                  fmt::format("kernel_{}", function));
        most = std::max(most, symbolizer.memory_bytes());
      }
    }
    return most;
  };
  const std::uint64_t unbounded = run(std::uint64_t{1} << 30);
  constexpr std::uint64_t kBudget = 3 << 20;
  ASSERT_GT(unbounded, 2 * kBudget) << "or nothing had to go";
  EXPECT_LE(run(kBudget), kBudget + kSlack);
}

TEST_F(Budget, WhatIsAskedForAgainAndAgainStays) {
  Symbolizer symbolizer(options(3 << 20));
  write_perf_map(0);
  EXPECT_EQ(in_process(symbolizer, 0, 1), "process0_1");
  // Its file goes: as long as the process is not forgotten the names stay.
  directory_.remove(fmt::format("root/tmp/perf-{}.map", process(0)));
  for (std::uint32_t id = 1; id <= 100; ++id) {
    symbolizer.symbolize(binary(id), {address_of(id)});
    ASSERT_EQ(in_process(symbolizer, 0, 1), "process0_1") << id;
  }
}

TEST_F(Budget, AtRestLessIsKeptAndAnswersStayRight) {
  Options options = this->options(16 << 20);
  options.resting_budget = 256 << 10;
  Symbolizer symbolizer(options);
  std::vector<elf::BinaryPtr> binaries;
  for (std::uint32_t id = 1; id <= 16; ++id) {
    binaries.push_back(binary(id));
    symbolizer.symbolize(binaries.back(), {address_of(7)});
  }
  EXPECT_GT(symbolizer.memory_bytes(), options.resting_budget);
  symbolizer.rest();
  EXPECT_LE(symbolizer.memory_bytes(), options.resting_budget);
  EXPECT_EQ(name(symbolizer.symbolize(binaries[0], {address_of(8)})), "file1_8");
  EXPECT_EQ(name(symbolizer.symbolize(binaries[15], {address_of(7)})), "file16_7");
}

TEST_F(Budget, OneProcessesNamesDoNotFillIt) {
  std::string text;
  for (std::uint64_t i = 0; i < 100'000; ++i) {
    text += fmt::format("{:x} 10 a_name_that_is_as_long_as_names_of_methods_with_types_are_{}\n",
                        address_of(i), i);
  }
  directory_.write(fmt::format("root/tmp/perf-{}.map", process(0)), text);
  const Options small = options(4 << 20);
  Symbolizer symbolizer(small);
  EXPECT_THAT(in_process(symbolizer, 0, 1), testing::EndsWith("_1"));
  EXPECT_EQ(in_process(symbolizer, 0, 99'999), "[jit]") << "past what a process may hold";
  EXPECT_LE(symbolizer.memory_bytes(), small.memory_budget);
}

TEST_F(Budget, CompressedDebugDataThatWouldNotFitIsNotInflated) {
  // Elf64_Chdr: zlib, 1 GiB.
  std::string bomb("\x01\0\0\0\0\0\0\0\0\0\0\x40\0\0\0\0\x01\0\0\0\0\0\0\0", 24);
  bomb.resize(1 << 20);
  auto made = std::make_shared<elf::Binary>();
  made->id = 1;
  made->path = "/bin/bomb";
  made->elf = ElfBuilder().symbols({{"f", 0x1100, 16}}).section(".debug_info", bomb, SHF_COMPRESSED).build();
  testing::internal::CaptureStderr();
  {
    Symbolizer symbolizer(options(8 << 20));
    EXPECT_EQ(name(symbolizer.symbolize(made, {0x1100})), "f") << "the symbol table is read all the same";
    EXPECT_EQ(name(symbolizer.symbolize(made, {0x1104})), "f");
    EXPECT_LE(symbolizer.memory_bytes(), 1u << 20);
  }
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, testing::HasSubstr("no lines for /bin/bomb"));
  EXPECT_EQ(log.find("/bin/bomb"), log.rfind("/bin/bomb")) << "named once";
}

}  // namespace
}  // namespace stoker::symbolize
