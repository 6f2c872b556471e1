// A checked, little-endian reader over bytes that nobody vouches for. Once a read has failed, it and every
// later one return zero: test ok() once per record, so that the format stays readable.
#pragma once

#include <concepts>
#include <cstring>
#include <string_view>

#include "base/bytes.h"

namespace stoker {

class ByteReader {
 public:
  ByteReader() = default;
  explicit ByteReader(ByteView bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  bool at_end() const { return position_ >= bytes_.size(); }
  std::size_t position() const { return position_; }
  std::size_t remaining() const { return bytes_.size() - position_; }
  ByteView bytes() const { return bytes_; }

  std::uint8_t u8() { return number<std::uint8_t>(); }
  std::uint16_t u16() { return number<std::uint16_t>(); }
  std::uint32_t u32() { return number<std::uint32_t>(); }
  std::uint64_t u64() { return number<std::uint64_t>(); }
  std::int8_t i8() { return number<std::int8_t>(); }
  std::int16_t i16() { return number<std::int16_t>(); }
  std::int32_t i32() { return number<std::int32_t>(); }
  std::int64_t i64() { return number<std::int64_t>(); }

  // A number of 1, 2, 3, 4 or 8 bytes; any other width fails.
  std::uint64_t sized(unsigned width);

  // DWARF 5 §7.6. More than 10 bytes, or a value past 64 bits, fails.
  std::uint64_t uleb() {
    // Nearly all are one byte long, and a DIE or a line program is made of them.
    if (ok_ && position_ < bytes_.size() && bytes_[position_] < std::byte{0x80}) {
      return std::to_integer<std::uint64_t>(bytes_[position_++]);
    }
    return long_uleb();
  }
  std::int64_t sleb();

  // Text up to its NUL, which is read too. Without a NUL in what is left: failure and "".
  std::string_view cstr();

  ByteView take(std::uint64_t count);
  void skip(std::uint64_t count) {
    if (!ok_ || count > remaining()) {
      fail();
      return;
    }
    position_ += static_cast<std::size_t>(count);
  }
  void seek(std::uint64_t position);
  void fail() { ok_ = false; }

 private:
  template <std::integral T>
  T number() {
    T value{};
    if (!ok_ || bytes_.size() - position_ < sizeof(T)) {
      ok_ = false;
      return T{};
    }
    std::memcpy(&value, bytes_.data() + position_, sizeof(T));
    position_ += sizeof(T);
    return value;
  }

  std::uint64_t long_uleb();

  ByteView bytes_;
  std::size_t position_ = 0;
  bool ok_ = true;
};

}  // namespace stoker
