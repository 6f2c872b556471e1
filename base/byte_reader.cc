#include "base/byte_reader.h"

namespace stoker {

std::uint64_t ByteReader::sized(unsigned width) {
  switch (width) {
    case 1:
      return u8();
    case 2:
      return u16();
    case 3: {
      const std::uint64_t low = u16();
      return low | static_cast<std::uint64_t>(u8()) << 16;
    }
    case 4:
      return u32();
    case 8:
      return u64();
    default:
      fail();
      return 0;
  }
}

std::uint64_t ByteReader::long_uleb() {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 70; shift += 7) {
    const std::uint8_t byte = u8();
    const std::uint64_t bits = byte & 0x7f;
    if (shift == 63 && bits > 1) {
      break;
    }
    value |= bits << shift;
    if ((byte & 0x80) == 0) {
      return ok_ ? value : 0;
    }
  }
  fail();
  return 0;
}

std::int64_t ByteReader::sleb() {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 70; shift += 7) {
    const std::uint8_t byte = u8();
    const std::uint64_t bits = byte & 0x7f;
    if (shift == 63 && bits != 0 && bits != 0x7f) {
      break;
    }
    value |= bits << shift;
    if ((byte & 0x80) == 0) {
      if ((byte & 0x40) != 0 && shift + 7 < 64) {
        value |= ~std::uint64_t{0} << (shift + 7);
      }
      return ok_ ? static_cast<std::int64_t>(value) : 0;
    }
  }
  fail();
  return 0;
}

std::string_view ByteReader::cstr() {
  if (!ok_) {
    return {};
  }
  const char* start = reinterpret_cast<const char*>(bytes_.data()) + position_;
  const void* end = remaining() == 0 ? nullptr : std::memchr(start, 0, remaining());
  if (end == nullptr) {
    fail();
    return {};
  }
  const auto length = static_cast<std::size_t>(static_cast<const char*>(end) - start);
  position_ += length + 1;
  return {start, length};
}

ByteView ByteReader::take(std::uint64_t count) {
  if (!ok_ || count > remaining()) {
    fail();
    return {};
  }
  const ByteView taken = bytes_.subspan(position_, static_cast<std::size_t>(count));
  position_ += static_cast<std::size_t>(count);
  return taken;
}

void ByteReader::seek(std::uint64_t position) {
  if (position > bytes_.size()) {
    fail();
    return;
  }
  position_ = static_cast<std::size_t>(position);
}

}  // namespace stoker
