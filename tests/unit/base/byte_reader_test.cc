#include "base/byte_reader.h"

#include <gtest/gtest.h>

#include <string>

namespace stoker {
namespace {

TEST(ByteReader, AFailedReadMakesItAndAllLaterOnesZero) {
  const std::string bytes("\x01\x02\x03", 3);
  ByteReader reader(as_bytes(bytes));
  EXPECT_EQ(reader.u16(), 0x0201);
  EXPECT_EQ(reader.u16(), 0);
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.u8(), 0) << "though one byte is left";
  EXPECT_EQ(reader.uleb(), 0u);
  EXPECT_EQ(reader.cstr(), "");
  EXPECT_TRUE(reader.take(1).empty());
}

TEST(ByteReader, Leb128OfAllSizesIsRead) {
  const std::string bytes("\x7f\x80\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x7f\x80\x7f", 16);
  ByteReader reader(as_bytes(bytes));
  EXPECT_EQ(reader.uleb(), 127u);
  EXPECT_EQ(reader.uleb(), 128u);
  EXPECT_EQ(reader.uleb(), UINT64_MAX);
  EXPECT_EQ(reader.sleb(), -1);
  EXPECT_EQ(reader.sleb(), -128);
  EXPECT_TRUE(reader.ok());
  EXPECT_TRUE(reader.at_end());
}

TEST(ByteReader, Leb128WithoutEndFails) {
  const std::string endless(1 << 20, '\xff');
  ByteReader unsigned_reader(as_bytes(endless));
  EXPECT_EQ(unsigned_reader.uleb(), 0u);
  EXPECT_FALSE(unsigned_reader.ok());
  ByteReader signed_reader(as_bytes(endless));
  EXPECT_EQ(signed_reader.sleb(), 0);
  EXPECT_FALSE(signed_reader.ok());
  const std::string cut("\x80\x80", 2);
  ByteReader cut_reader(as_bytes(cut));
  EXPECT_EQ(cut_reader.uleb(), 0u);
  EXPECT_FALSE(cut_reader.ok());
}

TEST(ByteReader, Leb128PastSixtyFourBitsFails) {
  const std::string too_large("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10);
  ByteReader reader(as_bytes(too_large));
  EXPECT_EQ(reader.uleb(), 0u);
  EXPECT_FALSE(reader.ok());
}

TEST(ByteReader, CountsNearTheEndOfTheAddressSpaceDoNotWrap) {
  const std::string bytes("12345678");
  for (const std::uint64_t count : {std::uint64_t{9}, std::uint64_t{1} << 63, UINT64_MAX}) {
    ByteReader reader(as_bytes(bytes));
    reader.u8();
    EXPECT_TRUE(reader.take(count).empty());
    EXPECT_FALSE(reader.ok());
    reader = ByteReader(as_bytes(bytes));
    reader.u8();
    reader.skip(count);
    EXPECT_FALSE(reader.ok());
    reader = ByteReader(as_bytes(bytes));
    reader.seek(count);
    EXPECT_FALSE(reader.ok());
    EXPECT_TRUE(slice(as_bytes(bytes), 1, count).empty());
    EXPECT_TRUE(slice(as_bytes(bytes), count, 1).empty());
  }
}

TEST(ByteReader, TextWithoutItsNulFails) {
  ByteReader reader(as_bytes("abc"));
  EXPECT_EQ(reader.cstr(), "");
  EXPECT_FALSE(reader.ok());
}

TEST(ByteReader, OddWidthsFail) {
  const std::string bytes("\1\2\3\4\5\6\7\10");
  ByteReader reader(as_bytes(bytes));
  EXPECT_EQ(reader.sized(3), 0x030201u);
  EXPECT_EQ(reader.sized(5), 0u);
  EXPECT_FALSE(reader.ok());
}

}  // namespace
}  // namespace stoker
