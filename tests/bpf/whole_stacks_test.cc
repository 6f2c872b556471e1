// Stacks of programs that keep no frame pointers, from the leaf to the root.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

#include "recording.h"

namespace stoker::test {
namespace {

class WholeStacks : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) {
      GTEST_SKIP() << "needs root";
    }
  }

  static bool user(const Stack& stack) {
    return std::ranges::any_of(stack.kinds,
                               [](profile::FrameKind kind) { return kind == profile::FrameKind::kNative; });
  }
  static bool cut(const Stack& stack) {
    return !stack.names.empty() && stack.names.back().starts_with("[cut:");
  }
  static bool rooted(const Stack& stack) { return !stack.names.empty() && stack.names.back() == "_start"; }
};

// The target's own functions; what it runs before main (the dynamic linker) has other roots.
std::uint64_t below_main(const Stack& stack) {
  return static_cast<std::uint64_t>(std::ranges::count(stack.names, "down(int, unsigned long)"));
}

class Depth : public WholeStacks, public testing::WithParamInterface<int> {};

TEST_P(Depth, EveryFrameIsThere) {
  const int frames = GetParam();
  const Recording recording =
      Recording::of({"-F", "499", "-d", "60s"}, {target("deep_tables"), std::to_string(frames), "1"});
  const auto bottom = [](const Stack& stack) { return stack.has("bottom(unsigned long)"); };
  const std::uint64_t seen = recording.count(bottom);
  ASSERT_GT(seen, 200u) << recording.errors();
  EXPECT_EQ(recording.count([&](const Stack& stack) {
    return bottom(stack) && rooted(stack) && below_main(stack) == static_cast<std::uint64_t>(frames);
  }),
            seen);
}

INSTANTIATE_TEST_SUITE_P(Frames, Depth, testing::Values(1, 10, 100, 400),
                         [](const auto& info) { return std::to_string(info.param); });

TEST_F(WholeStacks, ADeeperStackThanTheWalkIsMarkedAsCut) {
  const Recording recording = Recording::of({"-F", "499", "-d", "60s"}, {target("deep_tables"), "700", "1"});
  const auto bottom = [](const Stack& stack) { return stack.has("bottom(unsigned long)"); };
  const std::uint64_t seen = recording.count(bottom);
  ASSERT_GT(seen, 200u) << recording.errors();
  EXPECT_EQ(recording.count([&](const Stack& stack) { return bottom(stack) && cut(stack); }), seen);
}

class TableChain : public WholeStacks, public testing::WithParamInterface<std::string> {};

TEST_P(TableChain, NoCallerIsSkipped) {
  const Recording recording = Recording::of({"-F", "499", "-d", "60s"}, {target(GetParam()), "1"});
  const Truth truth = truth_of(recording.output());
  for (const auto& [name, chain] : truth.chains) {
    const auto in_leaf = [&](const Stack& stack) { return stack.has(name); };
    const std::uint64_t seen = recording.count(in_leaf);
    EXPECT_GT(seen, 20u) << name;
    EXPECT_EQ(recording.count([&](const Stack& stack) { return in_leaf(stack) && stack.has_chain(chain); }),
              seen)
        << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Binaries, TableChain, testing::Values("chain_tables", "chain_tables_static"),
                         [](const auto& info) { return info.param; });

TEST_F(WholeStacks, AHandlerOnItsOwnStackInsideACallbackLeadsBackToMain) {
  const Recording recording = Recording::of({"-F", "499", "-d", "60s"}, {target("signals_tables"), "2"});
  const auto handler = [](const Stack& stack) { return stack.has("in_handler()"); };
  const std::uint64_t seen = recording.count(handler);
  ASSERT_GT(seen, 300u) << recording.errors();
  const std::uint64_t whole = recording.count([&](const Stack& stack) {
    return handler(stack) && rooted(stack) && stack.has("on_signal(int)") &&
           stack.has("compare(void const*, void const*)") && stack.has("sort_below_alloca(int)") &&
           stack.has("main");
  });
  // The first samples come as a copy of the stack's top, which holds the handler's stack alone: cut, and marked.
  EXPECT_GE(whole, seen * 80 / 100);
  EXPECT_EQ(
      recording.count([&](const Stack& stack) { return handler(stack) && !rooted(stack) && !cut(stack); }),
      0u);
}

TEST_F(WholeStacks, AStackWhosePageBelowCannotBeReadIsCopiedFromItsPointerOn) {
  const Recording recording = Recording::of({"-F", "997", "-d", "60s"}, {target("tight_stack"), "40"});
  EXPECT_FALSE(truth_of(recording.output()).chains.empty()) << recording.output();
  const auto tight = [](const Stack& stack) { return stack.has("spin_tight()"); };
  EXPECT_GT(recording.count(tight), 300u);  // the first ones of each process come as copies
  EXPECT_EQ(recording.count([&](const Stack& stack) {
    return tight(stack) && !(stack.has("on_tight_stack()") && stack.names.back() == "__start_context");
  }),
            0u);
}

}  // namespace
}  // namespace stoker::test
