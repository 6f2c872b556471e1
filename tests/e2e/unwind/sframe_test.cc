// .sframe that binutils writes gives the rows that its .eh_frame gives.
#include "unwind/sframe.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "unwind/table_builder.h"

namespace stoker::unwind::test {
namespace {

class SframeOfTheAssembler : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = std::filesystem::temp_directory_path() / ("sframe_test_" + std::to_string(getpid()));
    std::filesystem::create_directories(directory_);
    std::ofstream(directory_ / "a.c") << R"(
extern int g(int, char *);
__attribute__((noinline)) int fixed(int a) { char b[100]; return g(a, b) + b[a]; }
int variable(int n) { char v[n]; return g(n, v) + fixed(n); }
int leaf(int a) { return a + 1; }
double many(double x, int n) { double s = 0; for (int i = 0; i < n; i++) s += fixed(i) * x; return s; }
)";
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  bool run(const std::string& command) const {
    return std::system(("cd '" + directory_.string() + "' && " + command + " 2>/dev/null").c_str()) == 0;
  }
  std::filesystem::path directory_;
};

TEST_F(SframeOfTheAssembler, GivesTheRowsOfEhFrame) {
  if (!run("gcc -O2 -fPIC -shared -Wa,--gsframe a.c -o both.so")) {
    GTEST_SKIP() << "this assembler writes no .sframe";
  }
  ASSERT_TRUE(run("objcopy --remove-section .eh_frame --remove-section .eh_frame_hdr both.so only.so"));
  const auto both = elf::ElfFile::open(directory_ / "both.so");
  const auto only = elf::ElfFile::open(directory_ / "only.so");
  ASSERT_TRUE(both.has_value() && only.has_value());
  const auto sframe = Sframe::open(*only);
  ASSERT_TRUE(sframe.has_value());
  const auto by_eh_frame = build_tables(*both);
  const auto by_sframe = build_tables(*only);
  ASSERT_TRUE(by_eh_frame.has_value() && by_sframe.has_value());
  std::size_t compared = 0;
  for (const Sframe::Function& function : sframe->functions(0, ~std::uint64_t{0} >> 1)) {
    for (std::uint64_t at = function.start; at < function.end; ++at) {
      const auto expected = by_eh_frame->find({at})->find({at});
      const auto row = by_sframe->find({at})->find({at});
      ASSERT_TRUE(expected.has_value() && row.has_value());
      ASSERT_EQ(row->rule, expected->rule) << std::hex << at;
      ASSERT_EQ(row->offset, expected->offset) << std::hex << at;
      if (row->rule != UNWIND_PLT) {
        ASSERT_EQ(row->rbp, expected->rbp) << std::hex << at;
      }
      ++compared;
    }
  }
  EXPECT_GT(compared, 100U);
}

}  // namespace
}  // namespace stoker::unwind::test
