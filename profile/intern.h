// Equal values stored once, with small ids that run from 1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace stoker::profile {

// From hashes to ids: open addressing over 12-byte slots, at most 3/4 full. Knows nothing of the values: the
// caller compares them. Id 0 means a free slot and is never stored.
class HashIndex {
 public:
  // The id under hash for which equal(id) holds; 0 when there is none.
  template <typename Equal>
  std::uint32_t find(std::uint64_t hash, Equal equal) const {
    if (slots_.empty()) {
      return 0;
    }
    const auto check = static_cast<std::uint32_t>(hash >> 32);
    for (std::size_t i = hash & (slots_.size() - 1);; i = (i + 1) & (slots_.size() - 1)) {
      if (slots_[i].id == 0) {
        return 0;
      }
      if (slots_[i].check == check && equal(slots_[i].id)) {
        return slots_[i].id;
      }
    }
  }

  // For a value that find did not find.
  void insert(std::uint64_t hash, std::uint32_t id);

 private:
  struct Slot {
    std::uint32_t check = 0;  // the hash's upper half
    std::uint32_t id = 0;
    std::uint32_t low = 0;  // the lower half: where the slot goes when the table grows
  };

  void place(Slot slot);

  std::vector<Slot> slots_;  // a power of two, or none
  std::size_t used_ = 0;
};

// Maps (stack, labels) of a sample to its position in Profile::samples() plus 1.
using SampleIndex = HashIndex;

// A table of distinct values. References stay good until the next add. Single-threaded.
template <typename T>
class InternTable {
 public:
  // Ids run from 1 to size().
  const T& at(std::uint32_t id) const { return values_[id - 1]; }
  std::uint32_t size() const { return static_cast<std::uint32_t>(values_.size()); }
  bool contains(std::uint32_t id) const { return id >= 1 && id <= values_.size(); }
  // All values: that of id is at id - 1.
  std::span<const T> values() const { return values_; }

  // The id of the value that key equals: an older one, or a new one made by make(). hash: of key, the same
  // for equal keys.
  template <typename Equal, typename Make>
  std::uint32_t add(std::uint64_t hash, Equal equal, Make make) {
    if (const std::uint32_t id = index_.find(hash, [&](std::uint32_t other) { return equal(at(other)); })) {
      return id;
    }
    values_.push_back(make());
    index_.insert(hash, size());
    return size();
  }

 private:
  std::vector<T> values_;
  HashIndex index_;
};

}  // namespace stoker::profile
