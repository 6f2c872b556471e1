// The counters of bpf/shared/stats.def, from both sides of the ring, as one set of numbers.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

#include "bpf/shared/stats.h"

namespace stoker::agent {

enum class StatKind : std::uint8_t { kTaken, kDelivered, kDrop, kCut, kNote };

struct StatInfo {
  std::string_view name;  // "ring_full"
  StatKind kind;
  std::string_view sentence;  // "the ring buffer between kernel and agent was full"
};

const StatInfo& stat_info(stat_id id);

// Plain totals since the start, one per stat_id.
struct StatTotals {
  std::array<std::uint64_t, STAT_COUNT> values{};

  std::uint64_t operator[](stat_id id) const { return values[id]; }
  std::uint64_t& operator[](stat_id id) { return values[id]; }
  std::uint64_t of_kind(StatKind kind) const;
  std::uint64_t dropped() const { return of_kind(StatKind::kDrop); }
};

// What user space counts; any thread adds.
class StatCounters {
 public:
  void add(stat_id id, std::uint64_t count = 1) { values_[id].fetch_add(count, std::memory_order_relaxed); }
  void add_to(StatTotals& totals) const;

 private:
  std::array<std::atomic<std::uint64_t>, STAT_COUNT> values_{};
};

}  // namespace stoker::agent
