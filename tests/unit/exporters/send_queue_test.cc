#include "exporters/send_queue.h"

#include <gtest/gtest.h>

#include <vector>

namespace stoker::exporters {
namespace {

using namespace std::chrono_literals;

constexpr MonotonicTime at(std::chrono::milliseconds time) {
  return {static_cast<std::uint64_t>(std::chrono::nanoseconds(time).count())};
}

PushItem item(const std::string& body, std::int64_t time = 1) {
  return {.body = body, .time = {time}};
}

Outcome failure(bool whole_server = false, std::chrono::milliseconds retry_after = 0ms) {
  return {.verdict = Verdict::kRetry,
          .reason = "internal",
          .whole_server = whole_server,
          .retry_after = retry_after};
}

TEST(SendQueue, GivesTheOldestFirst) {
  SendQueue queue({}, 1);
  queue.add(item("a", 1));
  queue.add(item("b", 2));
  EXPECT_EQ(queue.take(at(0ms))->body, "a");
  EXPECT_EQ(queue.take(at(0ms))->body, "b");
  EXPECT_FALSE(queue.take(at(0ms)));
  EXPECT_FALSE(queue.due());
}

TEST(SendQueue, DropsTheOldestWhenItIsFull) {
  SendQueue by_count({.max_items = 2}, 1);
  EXPECT_EQ(by_count.add(item("a")), 0U);
  EXPECT_EQ(by_count.add(item("b")), 0U);
  EXPECT_EQ(by_count.add(item("c")), 1U);
  EXPECT_EQ(by_count.take(at(0ms))->body, "b");

  SendQueue by_bytes({.max_bytes = 10}, 1);
  by_bytes.add(item("1234"));
  by_bytes.add(item("5678"));
  EXPECT_EQ(by_bytes.add(item("123456789")), 2U);
  EXPECT_EQ(by_bytes.size(), 1U);
  EXPECT_EQ(by_bytes.bytes(), 9U);
  EXPECT_EQ(by_bytes.add(item("larger than all")), 1U);
  EXPECT_EQ(by_bytes.size(), 1U);
}

TEST(SendQueue, BackoffDoublesWithEachFailureUpToItsMost) {
  SendQueue queue({.min_backoff = 500ms, .max_backoff = 4s, .max_retries = 0}, 7);
  queue.add(item("a"));
  MonotonicTime now = at(0ms);
  const std::vector<std::chrono::milliseconds> longest = {500ms, 1s, 2s, 4s, 4s, 4s};
  for (const auto most : longest) {
    auto taken = queue.take(now);
    ASSERT_TRUE(taken);
    ASSERT_TRUE(queue.failed(std::move(*taken), failure(), now));
    const MonotonicTime due = *queue.due();
    EXPECT_GE(due.ns, now.ns + at(most).ns / 2);
    EXPECT_LE(due.ns, now.ns + at(most).ns);
    EXPECT_FALSE(queue.take({due.ns - 1}));
    now = due;
  }
}

TEST(SendQueue, TwoAgentsDoNotReturnAtTheSameMoment) {
  std::vector<std::uint64_t> dues;
  for (const std::uint32_t seed : {1U, 2U, 3U}) {
    SendQueue queue({}, seed);
    queue.add(item("a"));
    queue.failed(*queue.take(at(0ms)), failure(), at(0ms));
    dues.push_back(queue.due()->ns);
  }
  EXPECT_TRUE(dues[0] != dues[1] || dues[1] != dues[2]);
}

TEST(SendQueue, AnItemIsGivenUpAfterItsRetries) {
  SendQueue queue({.min_backoff = 1ms, .max_backoff = 1ms, .max_retries = 2}, 1);
  queue.add(item("a"));
  EXPECT_TRUE(queue.failed(*queue.take(at(0ms)), failure(), at(0ms)));
  EXPECT_TRUE(queue.failed(*queue.take(at(10ms)), failure(), at(10ms)));
  EXPECT_FALSE(queue.failed(*queue.take(at(20ms)), failure(), at(20ms)));
  EXPECT_EQ(queue.size(), 0U);
  EXPECT_EQ(queue.bytes(), 0U);
}

TEST(SendQueue, OneFailingItemHoldsUpNobodyElse) {
  SendQueue queue({}, 1);
  queue.add(item("bad", 1));
  queue.add(item("good", 2));
  queue.failed(*queue.take(at(0ms)), failure(), at(0ms));
  EXPECT_EQ(queue.take(at(0ms))->body, "good");
}

TEST(SendQueue, AServerThatIsDownGetsOneAttemptPerBackoffAndNotOnePerItem) {
  SendQueue queue({.min_backoff = 1s, .max_backoff = 60s}, 1);
  for (int i = 0; i < 10; ++i) {
    queue.add(item("a", i));
  }
  int attempts = 0;
  for (auto now = 0ms; now < 30s; now += 10ms) {
    while (auto taken = queue.take(at(now))) {
      ++attempts;
      queue.failed(std::move(*taken), failure(true), at(now));
    }
  }
  // 1 + 2 + 4 + 8 + 16 s at the longest, a half of that at the shortest.
  EXPECT_GE(attempts, 5);
  EXPECT_LE(attempts, 7);
  EXPECT_EQ(queue.size(), 10U);
}

TEST(SendQueue, ThreeFailuresInARowAreTheServersFault) {
  SendQueue queue({}, 1);
  for (int i = 0; i < 4; ++i) {
    queue.add(item("a", i));
  }
  for (int i = 0; i < 3; ++i) {
    queue.failed(*queue.take(at(0ms)), failure(), at(0ms));
  }
  EXPECT_FALSE(queue.take(at(0ms)));
  EXPECT_EQ(queue.size(), 4U);
}

TEST(SendQueue, OneSuccessEndsTheWaitForAll) {
  SendQueue queue({.min_backoff = 1s, .max_backoff = 60s}, 1);
  queue.add(item("a", 1));
  queue.add(item("b", 2));
  queue.add(item("c", 3));
  queue.failed(*queue.take(at(0ms)), failure(true), at(0ms));
  EXPECT_FALSE(queue.take(at(0ms)));
  EXPECT_EQ(queue.take(*queue.due())->body, "b");
  queue.stored();
  EXPECT_EQ(queue.take(at(1ms))->body, "c");
}

TEST(SendQueue, TheServersRetryAfterIsHeeded) {
  SendQueue queue({.min_backoff = 1ms, .max_backoff = 60s}, 1);
  queue.add(item("a"));
  queue.failed(*queue.take(at(0ms)), failure(true, 7s), at(0ms));
  EXPECT_EQ(*queue.due(), at(7s));
}

TEST(SendQueue, AnAbsurdRetryAfterIsCutToTheLongestBackoff) {
  SendQueue queue({.min_backoff = 1ms, .max_backoff = 60s}, 1);
  queue.add(item("a"));
  queue.failed(*queue.take(at(0ms)), failure(true, 1000h), at(0ms));
  EXPECT_EQ(*queue.due(), at(60s));
}

TEST(SendQueue, WhatTheServerWouldRefuseForItsAgeIsDropped) {
  SendQueue queue({.max_age = 60s}, 1);
  const std::int64_t second = 1'000'000'000;
  queue.add(item("old", 100 * second));
  queue.add(item("new", 150 * second));
  queue.add(item("no time", 0));
  EXPECT_EQ(queue.drop_old({200 * second}), 1U);
  EXPECT_EQ(queue.bytes(), std::string("newno time").size());
}

TEST(SendQueue, AFailedItemKeepsItsPlaceByAge) {
  SendQueue queue({.min_backoff = 1ms, .max_backoff = 1ms}, 1);
  queue.add(item("a", 1));
  auto taken = queue.take(at(0ms));
  queue.add(item("b", 2));
  queue.failed(std::move(*taken), failure(), at(0ms));
  EXPECT_EQ(queue.take(at(5ms))->body, "a");
}

}  // namespace
}  // namespace stoker::exporters
