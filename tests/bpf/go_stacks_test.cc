// Stacks of Go programs, which change stacks in the middle of one.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>

#include "recording.h"

namespace stoker::test {
namespace {

bool in(const Stack& stack, std::string_view name) {
  return std::ranges::any_of(stack.names, [&](const std::string& frame) {
    return frame == name || (frame.starts_with(name) && frame.substr(name.size()) == ".abi0");
  });
}

// Where Go's own profiler ends a stack (runtime/traceback.go), and the C code that starts a thread.
bool rooted(const Stack& stack) {
  static constexpr std::array<std::string_view, 9> kRoots = {
      "runtime.goexit", "runtime.mstart", "runtime.mstart1", "runtime.mcall", "runtime.morestack",
      "runtime.rt0_go", "_rt0_amd64",     "_start",          "clone3"};
  return !stack.names.empty() && std::ranges::any_of(kRoots, [&](std::string_view root) {
    return stack.names.back().starts_with(root);
  });
}

class GoStacks : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (::geteuid() != 0 || !std::filesystem::exists(target(GetParam()))) {
      GTEST_SKIP() << "needs root, and Go when it is built";
    }
  }
};

TEST_P(GoStacks, LeadBackToTheGoroutineFromEveryStack) {
  const Recording recording = Recording::of({"-F", "997", "-d", "60s"}, {target(GetParam()), "3"});
  // The first samples are walked in copies of the stack, which end where it changes.
  const auto most = [](std::uint64_t seen) { return seen * 8 / 10; };
  const auto all = [&](std::string_view leaf, std::string_view caller) {
    const std::uint64_t seen = recording.count([&](const Stack& stack) { return in(stack, leaf); });
    const std::uint64_t whole = recording.count([&](const Stack& stack) {
      return in(stack, leaf) && in(stack, caller) && in(stack, "runtime.goexit");
    });
    EXPECT_GE(whole, most(seen)) << leaf << " below " << caller;
    return seen;
  };
  EXPECT_GT(all("main.leaf", "main.main"), 100u);
  EXPECT_GT(all("time.now", "main.clock"), 20u);
  EXPECT_GT(recording.count(
                [](const Stack& stack) { return in(stack, "clock_gettime") && in(stack, "main.clock"); }),
            10u);
  EXPECT_GT(all("runtime.copystack", "main.grow"), 5u);
  EXPECT_GT(recording.count([](const Stack& stack) { return in(stack, "runtime.systemstack"); }), 20u);
  if (std::string_view(GetParam()).ends_with("_cgo")) {
    EXPECT_GT(all("in_c", "main.through_c"), 50u);
    EXPECT_GT(all("main.in_go", "main.through_c"), 50u);
  }
  const std::uint64_t user = recording.count([](const Stack& stack) {
    return std::ranges::any_of(stack.names,
                               [](const std::string& name) { return name.starts_with("runtime."); });
  });
  const std::uint64_t whole = recording.count([](const Stack& stack) { return rooted(stack); });
  EXPECT_GE(whole, most(user)) << user << " samples of " << recording.samples() << " in Go";
}

INSTANTIATE_TEST_SUITE_P(Programs, GoStacks, testing::Values("go_stacks", "go_stacks_cgo"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace stoker::test
