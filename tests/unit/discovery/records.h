// Sideband records as the kernel lays them out (linux/perf_event.h, enum perf_event_type), for tests.
#pragma once

#include <linux/perf_event.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace stoker::discovery {

class RecordBytes {
 public:
  RecordBytes(std::uint32_t type, std::uint16_t misc) {
    u32(type);
    put(misc);
    put(std::uint16_t{0});
  }
  RecordBytes& u8(std::uint8_t value) { return put(value); }
  RecordBytes& u32(std::uint32_t value) { return put(value); }
  RecordBytes& u64(std::uint64_t value) { return put(value); }
  RecordBytes& raw(std::string_view bytes) {
    bytes_.insert(bytes_.end(), as_bytes(bytes).begin(), as_bytes(bytes).end());
    return *this;
  }
  // NUL, then zeros up to a multiple of 8.
  RecordBytes& text(std::string_view value) {
    raw(value);
    bytes_.push_back({});
    while (bytes_.size() % 8 != 0) {
      bytes_.push_back({});
    }
    return *this;
  }
  std::vector<std::byte> at(std::uint64_t time) {
    u64(time);
    const auto size = static_cast<std::uint16_t>(bytes_.size());
    std::memcpy(bytes_.data() + 6, &size, sizeof(size));
    return bytes_;
  }

 private:
  template <typename T>
  RecordBytes& put(T value) {
    const auto* const raw_value = reinterpret_cast<const std::byte*>(&value);
    bytes_.insert(bytes_.end(), raw_value, raw_value + sizeof(value));
    return *this;
  }
  std::vector<std::byte> bytes_;
};

}  // namespace stoker::discovery
