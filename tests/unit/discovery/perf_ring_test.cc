#include "discovery/perf_ring.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "records.h"

namespace stoker::discovery {
namespace {

// A ring of 256 bytes whose writer has come to any position.
class Ring {
 public:
  explicit Ring(std::uint64_t position) : tail_(position), head_(position) {}

  void write(const std::vector<std::byte>& record) {
    for (const std::byte byte : record) {
      data_[head_++ % data_.size()] = byte;
    }
  }
  std::vector<std::vector<std::byte>> drain() {
    std::vector<std::vector<std::byte>> records;
    std::vector<std::byte> scratch;
    tail_ = read_records(
        data_, tail_, head_, scratch,
        [&](ByteView record) { records.emplace_back(record.begin(), record.end()); }, broken);
    return records;
  }
  bool is_empty() const { return tail_ == head_; }

  bool broken = false;

 private:
  std::vector<std::byte> data_ = std::vector<std::byte>(256);
  std::uint64_t tail_;
  std::uint64_t head_;
};

std::vector<std::byte> comm(const std::string& name) {
  return RecordBytes(PERF_RECORD_COMM, 0).u32(1).u32(1).text(name).at(9);
}

TEST(PerfRing, RecordsComeOutWholeWhereverTheRingWraps) {
  for (std::uint64_t position = 0; position < 512; position += 8) {
    Ring ring(position);
    const std::vector records{comm("a"), comm("a_longer_name"), comm("b")};
    for (const auto& record : records) {
      ring.write(record);
    }
    EXPECT_EQ(ring.drain(), records) << position;
    EXPECT_FALSE(ring.broken);
    EXPECT_TRUE(ring.is_empty());
    EXPECT_TRUE(ring.drain().empty());
  }
}

TEST(PerfRing, PositionsPast64BitsOfASmallRingStillMatch) {
  Ring ring((std::uint64_t{1} << 40) + 248);
  ring.write(comm("x"));
  EXPECT_EQ(ring.drain().size(), 1u);
}

TEST(PerfRing, ASizeThatMakesNoSenseSkipsTheRest) {
  for (const std::uint16_t size : {0, 4, 7, 200, 65535}) {
    Ring ring(240);
    ring.write(comm("good"));
    auto bad = comm("bad");
    std::memcpy(bad.data() + 6, &size, sizeof(size));
    ring.write(bad);
    ring.write(comm("after"));
    EXPECT_EQ(ring.drain().size(), 1u) << size;
    EXPECT_TRUE(ring.broken);
    EXPECT_TRUE(ring.is_empty());
  }
}

TEST(PerfRing, PositionsThatMakeNoSenseReadNothing) {
  const std::vector<std::byte> data(256);
  std::vector<std::byte> scratch;
  bool broken = false;
  int records = 0;
  EXPECT_EQ(read_records(data, 0, 10000, scratch, [&](ByteView) { ++records; }, broken), 10000u);
  EXPECT_TRUE(broken);
  EXPECT_EQ(read_records(data, 16, 8, scratch, [&](ByteView) { ++records; }, broken), 8u);
  EXPECT_TRUE(broken);
  EXPECT_EQ(records, 0);
}

}  // namespace
}  // namespace stoker::discovery
