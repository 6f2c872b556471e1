#include <gtest/gtest.h>

#include "agent/batch.h"

namespace stoker::agent {
namespace {

using std::chrono::milliseconds;

Batch of_bytes(std::size_t bytes) {
  Batch batch;
  batch.bytes.resize(bytes);
  return batch;
}

TEST(BatchQueue, RefusesRecordsBeyondItsBytesUntilSomeAreTaken) {
  BatchQueue queue(10, 100);
  EXPECT_TRUE(queue.push(of_bytes(60)));
  EXPECT_TRUE(queue.push(of_bytes(40)));
  Batch refused = of_bytes(1);
  EXPECT_FALSE(queue.push(std::move(refused)));
  EXPECT_EQ(refused.bytes.size(), 1u) << "a refused batch is untouched";  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(queue.pop(milliseconds{0})->bytes.size(), 60u);
  EXPECT_TRUE(queue.push(of_bytes(60)));
  EXPECT_FALSE(queue.push(of_bytes(1)));
}

TEST(BatchQueue, TakesOneBatchHoweverLarge) {
  BatchQueue queue(10, 100);
  EXPECT_TRUE(queue.push(of_bytes(1000)));
  EXPECT_FALSE(queue.push(of_bytes(1)));
  EXPECT_TRUE(queue.push(of_bytes(0))) << "events alone are never held up by bytes";
}

TEST(BatchQueue, RefusesBatchesBeyondTheirNumber) {
  BatchQueue queue(1, 100);
  EXPECT_TRUE(queue.push(of_bytes(1)));
  EXPECT_FALSE(queue.push(of_bytes(1)));
  queue.pop(milliseconds{0});
  EXPECT_TRUE(queue.push(of_bytes(99))) << "what was refused takes no room";
}

TEST(BatchQueue, GivesNothingOnceClosedAndEmpty) {
  BatchQueue queue(10, 100);
  EXPECT_TRUE(queue.push(of_bytes(1)));
  queue.close();
  EXPECT_FALSE(queue.push(of_bytes(1)));
  EXPECT_TRUE(queue.pop(milliseconds{0}));
  EXPECT_FALSE(queue.pop(milliseconds{0}));
  EXPECT_TRUE(queue.closed());
}

}  // namespace
}  // namespace stoker::agent
