// Programs that work against being looked at: every sample is delivered, whole or marked, and nothing else suffers.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

#include "recording.h"

namespace stoker::test {
namespace {

class HostileTargets : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) {
      GTEST_SKIP() << "needs root";
    }
  }

  static Recording recorded(const std::string& kind) {
    Recording recording = Recording::of({"-F", "499", "-d", "60s"}, {target("hostile"), kind, "2"});
    const Accounting accounting = recording.accounting();
    EXPECT_EQ(accounting.taken, accounting.delivered + accounting.dropped) << recording.errors();
    EXPECT_EQ(accounting.dropped, 0u);
    return recording;
  }
  static bool cut(const Stack& stack) {
    return !stack.names.empty() && stack.names.back().starts_with("[cut:");
  }
  static bool rooted(const Stack& stack) { return !stack.names.empty() && stack.names.back() == "_start"; }
};

TEST_F(HostileTargets, AStackThatIsOverwrittenIsCutAndSaysSo) {
  const Recording recording = recorded("rewrites");
  const auto spins = [](const Stack& stack) { return stack.has("spin_rewrites(unsigned long)"); };
  EXPECT_GT(recording.count(spins), 300u);
  EXPECT_EQ(
      recording.count([&](const Stack& stack) { return spins(stack) && !cut(stack) && !rooted(stack); }), 0u);
  // Noise leads to no function.
  for (const Stack& stack : recording.stacks()) {
    if (spins(stack) && cut(stack)) {
      const auto leaf = std::ranges::find(stack.names, "spin_rewrites(unsigned long)");
      EXPECT_TRUE(std::all_of(leaf + 1, stack.names.end() - 1, [](const std::string& name) {
        return name.starts_with('[') || name.starts_with("0x");
      })) << fmt::format("{}", fmt::join(stack.names, " < "));
    }
  }
}

TEST_F(HostileTargets, AsManyMappingsAsTheKernelAllowsAreFollowed) {
  const Recording recording = recorded("maps");
  const auto in_last = [](const Stack& stack) {
    return stack.names.size() > 1 && std::ranges::any_of(stack.names, [](const std::string& name) {
             return name.starts_with("[anon]");
           });
  };
  const std::uint64_t seen = recording.count(in_last);
  EXPECT_GT(seen, 300u) << recording.errors();
  const std::uint64_t whole = recording.count([&](const Stack& stack) {
    return in_last(stack) && stack.has("spin_maps(unsigned long)") && stack.has("main") && rooted(stack);
  });
  EXPECT_GE(whole, seen * 99 / 100);
}

TEST_F(HostileTargets, CodeThatIsReplacedUnderItsAddressIsFollowedOrMarked) {
  const Recording recording = recorded("changes");
  const auto spins = [](const Stack& stack) { return stack.has("main"); };
  EXPECT_GT(recording.count(spins), 300u) << recording.errors();
  EXPECT_EQ(recording.count([&](const Stack& stack) {
    return !stack.names.empty() && stack.has("spin_changes(unsigned long)") && !rooted(stack) && !cut(stack);
  }),
            0u);
}

}  // namespace
}  // namespace stoker::test
