// Places of tables in the long arrays, handed out and taken back.
#include "agent/range_allocator.h"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <random>

namespace stoker::agent {
namespace {

constexpr MonotonicTime kStart{1'000'000'000'000};
constexpr MonotonicTime after(std::uint64_t ns) {
  return {kStart.ns + ns};
}

TEST(RangeAllocator, AFullArrayGivesNothing) {
  RangeAllocator ranges(100);
  EXPECT_EQ(ranges.take(60, kStart), 0U);
  EXPECT_EQ(ranges.take(41, kStart), std::nullopt);
  EXPECT_EQ(ranges.take(40, kStart), 60U);
  EXPECT_EQ(ranges.take(1, kStart), std::nullopt);
  EXPECT_EQ(ranges.handed_out(), 100U);
}

TEST(RangeAllocator, WhatWasGivenBackRestsUntilNoWalkCanStillReadIt) {
  RangeAllocator ranges(100);
  ASSERT_EQ(ranges.take(100, kStart), 0U);
  ranges.give_back(0, 100, kStart);
  EXPECT_EQ(ranges.take(1, after(RangeAllocator::kGraceNs - 1)), std::nullopt);
  EXPECT_EQ(ranges.handed_out(), 0U);
  EXPECT_EQ(ranges.take(100, after(RangeAllocator::kGraceNs)), 0U);
}

TEST(RangeAllocator, WhatRestsIsRoomToCome) {
  RangeAllocator ranges(100);
  ASSERT_EQ(ranges.take(50, kStart), 0U);
  ASSERT_EQ(ranges.take(50, kStart), 50U);
  EXPECT_FALSE(ranges.room_to_come(1));
  ranges.give_back(50, 50, kStart);
  EXPECT_TRUE(ranges.room_to_come(50));
  EXPECT_FALSE(ranges.room_to_come(51));
  ranges.give_back(0, 50, kStart);
  EXPECT_TRUE(ranges.room_to_come(100));
  EXPECT_EQ(ranges.take(1, kStart), std::nullopt);
}

TEST(RangeAllocator, NeighboursBecomeOneGapInWhateverOrderTheyComeBack) {
  for (const auto& order : {std::array{0U, 1U, 2U}, {2U, 1U, 0U}, {0U, 2U, 1U}, {1U, 0U, 2U}}) {
    RangeAllocator ranges(30);
    for (unsigned i = 0; i < 3; ++i) {
      ASSERT_EQ(ranges.take(10, kStart), i * 10);
    }
    for (const unsigned part : order) {
      ranges.give_back(part * 10, 10, kStart);
    }
    EXPECT_EQ(ranges.take(30, after(RangeAllocator::kGraceNs)), 0U);
  }
}

TEST(RangeAllocator, NoTwoTablesEverShareAPlace) {
  RangeAllocator ranges(1000);
  std::map<std::uint32_t, std::uint32_t> taken;  // first → count
  std::mt19937 random(1);
  MonotonicTime now = kStart;
  for (int i = 0; i < 20000; ++i) {
    now.ns += RangeAllocator::kGraceNs / 8;
    if (random() % 2 == 0 && !taken.empty()) {
      const auto one = std::next(taken.begin(), static_cast<std::ptrdiff_t>(random() % taken.size()));
      ranges.give_back(one->first, one->second, now);
      taken.erase(one);
      continue;
    }
    const std::uint32_t count = 1 + static_cast<std::uint32_t>(random() % 200);
    const auto first = ranges.take(count, now);
    if (!first) {
      continue;
    }
    ASSERT_LE(*first + count, 1000U);
    const auto next = taken.lower_bound(*first);
    ASSERT_TRUE(next == taken.end() || *first + count <= next->first);
    ASSERT_TRUE(next == taken.begin() || std::prev(next)->first + std::prev(next)->second <= *first);
    taken.emplace(*first, count);
  }
  for (const auto& [first, count] : taken) {
    ranges.give_back(first, count, now);
  }
  EXPECT_EQ(ranges.take(1000, {now.ns + RangeAllocator::kGraceNs}), 0U);
}

}  // namespace
}  // namespace stoker::agent
