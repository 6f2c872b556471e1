// From an address to the innermost of many ranges that hold it, in eight bytes per boundary.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace stoker::symbolize::dwarf {

struct AddressRange {
  std::uint64_t low = 0;
  std::uint64_t high = 0;  // one past the last byte
  std::uint32_t value = 0;
};

// Where ranges overlap, the one that starts later wins, of those with one start the shorter, of equal ones the
// greater value: with values that grow from the outside in, that is the innermost. Ranges further than 4 GiB
// above the lowest start are left out (no code model of the supported machines reaches that far).
class IntervalMap {
 public:
  IntervalMap() = default;
  explicit IntervalMap(std::vector<AddressRange> ranges);

  std::optional<std::uint32_t> find(std::uint64_t address) const;
  bool empty() const { return starts_.empty(); }
  std::uint64_t memory_bytes() const { return (starts_.capacity() + values_.capacity()) * 4; }

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  void append(std::uint64_t start, std::uint32_t value);

  std::uint64_t base_ = 0;
  // starts_[i] - base_ begins a stretch of values_[i], which the next one ends; kNone is a gap.
  std::vector<std::uint32_t> starts_;
  std::vector<std::uint32_t> values_;
};

}  // namespace stoker::symbolize::dwarf
