// Every case under cases/ is walked by the BPF program's walk and by user space's: both find the stack that is true.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/replay/walk_case.h"

namespace stoker::replay {
namespace {

std::string contents(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> case_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(STOKER_CASES)) {
    if (entry.path().extension() == ".case") {
      names.push_back(entry.path().stem());
    }
  }
  std::ranges::sort(names);
  return names;
}

class Case : public testing::TestWithParam<std::string> {
 protected:
  std::string text() const { return contents(std::filesystem::path(STOKER_CASES) / (GetParam() + ".case")); }
};

TEST_P(Case, BothWalkersFindTheTrueStack) {
  const auto one = parse_case(text());
  ASSERT_TRUE(one.has_value()) << one.error().message();
  CaseProcess process(*one);
  EXPECT_EQ(process.walk_as_bpf(one->registers), one->truth()) << one->about;
  EXPECT_EQ(process.walk_as_user_space(one->registers), one->truth()) << one->about;
}

TEST_P(Case, IsWrittenAsItWasRead) {
  const auto one = parse_case(text());
  ASSERT_TRUE(one.has_value()) << one.error().message();
  EXPECT_EQ(format_case(*one), text());
}

INSTANTIATE_TEST_SUITE_P(Recorded, Case, testing::ValuesIn(case_names()), [](const auto& parameter) {
  std::string name = parameter.param;
  std::ranges::replace_if(name, [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  return name;
});

}  // namespace

// How gtest shows a stack.
void PrintTo(const Walked& walked, std::ostream* out) {
  *out << walked.frames.size() << " frames:" << std::hex;
  for (const std::uint64_t frame : walked.frames) {
    *out << " " << (frame & ~FRAME_EXACT) << ((frame & FRAME_EXACT) != 0 ? "!" : "");
  }
  *out << std::dec << ", end " << int{walked.end};
}

}  // namespace stoker::replay
