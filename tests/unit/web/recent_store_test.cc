#include "web/recent_store.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stoker::web {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kStart = 1'000 * kSecond;  // 0 would be "not known"

profile::Profile window(std::int64_t start_seconds, const std::string& process, std::int64_t count) {
  profile::Profile p;
  p.sample_types = {{"samples", "count"}, {"cpu", "nanoseconds"}};
  p.default_sample_type = "cpu";
  p.time = {kStart + start_seconds * kSecond};
  p.duration = std::chrono::seconds(15);
  const auto function = p.add_function({.name = fmt::format("{}_{}", process, start_seconds)});
  const std::vector<profile::LocationId> stack = {p.add_location({.lines = {{function, 1}}})};
  p.add_sample(p.add_stack(stack), p.add_labels({{.key = "process", .text = process}}),
               std::vector<std::int64_t>{count, count * 10});
  return p;
}

TEST(RecentStore, MergesTheWindowsThatEndAfterATime) {
  RecentStore store({});
  ASSERT_TRUE(store.add(window(0, "a", 1)));
  ASSERT_TRUE(store.add(window(15, "a", 2)));
  ASSERT_TRUE(store.add(window(30, "b", 4)));
  EXPECT_EQ(store.merged({kStart}, "").total(0), 7);
  EXPECT_EQ(store.merged({kStart + 15 * kSecond}, "").total(0), 6);
  EXPECT_EQ(store.merged({kStart}, "a").total(0), 3);
  EXPECT_EQ(store.merged({kStart}, "nobody").total(0), 0);
  EXPECT_EQ(store.merged({kStart + 45 * kSecond}, "").samples().size(), 0U);
  const auto all = store.merged({kStart}, "");
  EXPECT_EQ(all.time.ns, kStart);
  EXPECT_EQ(all.duration, std::chrono::seconds(45));
}

TEST(RecentStore, KnowsTheProcessesWithTheirValues) {
  RecentStore store({});
  ASSERT_TRUE(store.add(window(0, "a", 1)));
  ASSERT_TRUE(store.add(window(15, "b", 4)));
  ASSERT_TRUE(store.add(window(30, "a", 2)));
  EXPECT_THAT(store.processes({kStart}), ElementsAre(Pair("b", 40), Pair("a", 30)));
  EXPECT_THAT(store.processes({kStart + 100 * kSecond}), IsEmpty());
}

TEST(RecentStore, OldWindowsGo) {
  RecentStore store({.max_age = std::chrono::seconds(60)});
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(store.add(window(i * 15L, "a", 1)));
  }
  EXPECT_EQ(store.windows(), 4U);
  EXPECT_EQ(store.generation(), 20U);
}

TEST(RecentStore, StaysWithinItsBytes) {
  RecentStore store({.max_bytes = 4096});
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(store.add(window(i, "process", i)));
    ASSERT_LE(store.bytes(), 4096U);
  }
  EXPECT_GT(store.windows(), 2U);
  EXPECT_EQ(store.merged({kStart + 199 * kSecond}, "").total(0) > 0, true);
}

TEST(RecentStore, AWindowLargerThanTheStoreIsNotKept) {
  RecentStore store({.max_bytes = 10});
  ASSERT_TRUE(store.add(window(0, "a", 1)));
  EXPECT_EQ(store.windows(), 0U);
  EXPECT_EQ(store.bytes(), 0U);
}

TEST(RecentStore, AProfileWithoutSampleTypesIsAnErrorAndChangesNothing) {
  RecentStore store({});
  EXPECT_FALSE(store.add(profile::Profile()));
  EXPECT_EQ(store.windows(), 0U);
}

}  // namespace
}  // namespace stoker::web
