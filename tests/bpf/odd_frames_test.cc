// Programs whose every frame is known and hard to walk, by several compilers and ways of linking.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "recording.h"

namespace stoker::test {
namespace {

bool cut(const Stack& stack) {
  return !stack.names.empty() && stack.names.back().starts_with("[cut:");
}

// Where threads and coroutines of C programs begin; musl's start code and aarch64 have names of their own.
bool rooted(const Stack& stack) {
  static const std::vector<std::string> kRoots = {
      "_start",          "clone3",         "__clone3", "clone",          "__clone",
      "__start_context", "_dl_start_user", "_start_c", "__startcontext", "thread_start"};
  return !stack.names.empty() && std::ranges::find(kRoots, stack.names.back()) != kRoots.end();
}

class OddFrames : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (::geteuid() != 0 || !std::filesystem::exists(target(GetParam()))) {
      GTEST_SKIP() << "needs root, and the compiler when it is built";
    }
  }
};

std::string text_of(const Stack& stack) {
  std::string text;
  for (const std::string& name : stack.names) {
    text += name + " < ";
  }
  return text;
}

TEST_P(OddFrames, EveryStackIsWholeOrMarkedAndNoneIsWrong) {
  const Recording recording = Recording::of({"-F", "997", "-d", "60s"}, {target(GetParam()), "3"});
  const Truth truth = truth_of(recording.output());
  ASSERT_FALSE(truth.chains.empty()) << recording.errors();
  std::uint64_t in_chains = 0;
  std::uint64_t whole = 0;
  for (const auto& [kind, chain] : truth.chains) {
    const auto mine = [&](const Stack& stack) { return stack.has(chain.front()); };
    in_chains += recording.count(mine);
    EXPECT_GT(recording.count(mine), 20u) << kind;
    for (const Stack& stack : recording.stacks()) {
      if (!mine(stack)) {
        continue;
      }
      const bool right = stack.has_chain(chain) && rooted(stack);
      whole += right ? stack.count : 0;
      EXPECT_TRUE(right || cut(stack)) << kind << ": " << text_of(stack);
    }
  }
  // The first samples are walked in copies of the stack's top, which end where a signal's or coroutine's stack does.
  EXPECT_GE(whole, in_chains * 95 / 100) << in_chains << " samples in chains";
  fmt::print("whole: {} of {} samples\n", whole, in_chains);
}

INSTANTIATE_TEST_SUITE_P(Programs, OddFrames,
                         testing::Values("odd_frames", "odd_frames_o3", "odd_frames_lto", "odd_frames_static",
                                         "odd_frames_static_pie", "odd_frames_fp", "odd_frames_gcc",
                                         "musl_frames", "musl_frames_dynamic", "rust_panic"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace stoker::test
