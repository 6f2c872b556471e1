#include "symbolize/kernel.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "symbolize/symbolizer.h"

namespace stoker::symbolize {
namespace {

class Kernel : public testing::Test {
 protected:
  std::string write(const std::string& text) {
    std::ofstream(path_) << text;
    return path_;
  }
  ~Kernel() override { std::remove(path_.c_str()); }

 private:
  std::string path_ = testing::TempDir() + "kallsyms_" + std::to_string(::getpid()) +
                      testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(Kernel, SymbolRunsToTheNextOneOfCodeOrData) {
  const auto symbols = KernelSymbols::read(
      write("ffffffff81000100 T first\nffffffff81000200 t second\nffffffff81000300 D data\n"
            "ffffffff81000400 d more\nffffffff81000500 W third\n"));
  ASSERT_TRUE(symbols);
  EXPECT_EQ(symbols->find(0xffffffff810000ff).name, "");
  EXPECT_EQ(symbols->find(0xffffffff81000100).name, "first");
  EXPECT_EQ(symbols->find(0xffffffff810001ff).name, "first");
  EXPECT_EQ(symbols->find(0xffffffff810002ff).name, "second");
  EXPECT_EQ(symbols->find(0xffffffff81000300).name, "");
  EXPECT_EQ(symbols->find(0xffffffff81000480).name, "");
  EXPECT_EQ(symbols->find(0xffffffff81000500).name, "third");
}

TEST_F(Kernel, ModulesAndBpfProgramsCarryTheirModule) {
  const auto symbols = KernelSymbols::read(write(
      "ffffffffc0200000 t nf_hook\t[nf_tables]\nffffffffc0100000 t bpf_prog_6deef7357e7b4530_sample\t[bpf]\n"
      "ffffffff81000000 T _text\n0000000000000000 A fixed_percpu_data\n"));
  ASSERT_TRUE(symbols);
  EXPECT_FALSE(symbols->hidden());
  EXPECT_EQ(symbols->find(0xffffffff81000010).module, "");
  EXPECT_EQ(symbols->find(0xffffffffc0100010).name, "bpf_prog_6deef7357e7b4530_sample");
  EXPECT_EQ(symbols->find(0xffffffffc0100010).module, "bpf");
  EXPECT_EQ(symbols->find(0xffffffffc0200010).module, "nf_tables");
  EXPECT_EQ(symbols->find(0).name, "");
}

TEST_F(Kernel, AliasWithFewestUnderscoresIsShown) {
  const auto symbols =
      KernelSymbols::read(write("ffffffff81000000 T __do_sys_read\nffffffff81000000 T ksys_read\n"));
  ASSERT_TRUE(symbols);
  EXPECT_EQ(symbols->find(0xffffffff81000000).name, "ksys_read");
}

TEST_F(Kernel, MappingSymbolsNameNothing) {
  const auto symbols =
      KernelSymbols::read(write("ffff800008c40000 t fuse_readlink\t[fuse]\nffff800008c40000 t $x\t[fuse]\n"
                                "ffff800008c40100 t $x.17\t[fuse]\nffff800008c40200 d $d\t[fuse]\n"));
  ASSERT_TRUE(symbols);
  EXPECT_EQ(symbols->find(0xffff800008c40008).name, "fuse_readlink");
  EXPECT_EQ(symbols->find(0xffff800008c40108).name, "fuse_readlink");
  EXPECT_EQ(symbols->find(0xffff800008c40208).name, "fuse_readlink");
}

TEST_F(Kernel, LinesThatAreNoSymbolsAreSkipped) {
  const auto symbols = KernelSymbols::read(
      write("\nnonsense\nffffffff81000000\nffffffff81000000 T\nffffffff81000000 T \n" +
            std::string(200000, 'x') + "\nffffffff81000100 T good\nffffffff81000200 T cut"));
  ASSERT_TRUE(symbols);
  EXPECT_EQ(symbols->size(), 1u);
  EXPECT_EQ(symbols->find(0xffffffff81000150).name, "good");
}

TEST_F(Kernel, ZeroAddressesMeanHiddenAndTheHintSaysWhatToDo) {
  Options options;
  options.kallsyms_path = write("0000000000000000 T _text\n0000000000000000 T start_kernel\n");
  Symbolizer symbolizer(options);
  const auto frames = symbolizer.symbolize_kernel(0xffffffff81000000);
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0].function, "[kernel]");
  EXPECT_NE(symbolizer.kernel_hint().find("kernel.kptr_restrict"), std::string::npos);
  EXPECT_NE(symbolizer.kernel_hint().find("CAP_SYSLOG"), std::string::npos);
}

TEST_F(Kernel, RefreshSeesSymbolsLoadedSince) {
  Options options;
  options.kallsyms_path = write("ffffffff81000000 T first\n");
  Symbolizer symbolizer(options);
  EXPECT_EQ(symbolizer.symbolize_kernel(0xffffffffc0000010)[0].function, "first");
  write("ffffffff81000000 T first\nffffffffc0000000 t second\t[mod]\n");
  symbolizer.refresh_kernel();
  EXPECT_EQ(symbolizer.symbolize_kernel(0xffffffffc0000010)[0].function, "second");
  EXPECT_EQ(symbolizer.kernel_module(0xffffffffc0000010), "mod");
  EXPECT_EQ(symbolizer.kernel_hint(), "");
}

TEST_F(Kernel, MissingFileIsAHintToo) {
  Options options;
  options.kallsyms_path = "/nonexistent/kallsyms";
  Symbolizer symbolizer(options);
  EXPECT_EQ(symbolizer.symbolize_kernel(0xffffffff81000000)[0].function, "[kernel]");
  EXPECT_NE(symbolizer.kernel_hint().find("/nonexistent/kallsyms"), std::string::npos);
}

// Truth: the kernel's own list. Every line of code must be found again under a name that the list has there.
TEST_F(Kernel, AnswersLikeThisKernelsOwnList) {
  std::ifstream list("/proc/kallsyms");
  const auto symbols = KernelSymbols::read();
  ASSERT_TRUE(symbols);
  if (symbols->hidden()) {
    GTEST_SKIP() << "the kernel hides its addresses";
  }
  std::unordered_multimap<std::uint64_t, std::string> names;
  for (std::string line; std::getline(list, line);) {
    const std::size_t end = line.find('\t');
    if (std::string_view("tTwW").contains(line[17])) {
      names.emplace(std::stoull(line.substr(0, 16), nullptr, 16), line.substr(19, end - 19));
    }
  }
  std::size_t wrong = 0;
  for (const auto& [address, name] : names) {
    const auto found = symbols->find(address);
    const auto [first, last] = names.equal_range(address);
    wrong += std::none_of(first, last, [&](const auto& each) { return each.second == found.name; }) ? 1 : 0;
  }
  EXPECT_GT(names.size(), 10000u);
  EXPECT_EQ(wrong, 0u);
  EXPECT_LE(symbols->memory_bytes(), names.size() * 64);
}

}  // namespace
}  // namespace stoker::symbolize
