#include "agent/stats.h"

namespace stoker::agent {
namespace {

constexpr StatKind kind_of(std::string_view word) {
  if (word == "TAKEN") {
    return StatKind::kTaken;
  }
  if (word == "DELIVERED") {
    return StatKind::kDelivered;
  }
  if (word == "DROP") {
    return StatKind::kDrop;
  }
  return word == "CUT" ? StatKind::kCut : StatKind::kNote;
}

constexpr std::array<StatInfo, STAT_COUNT> kStats{{
#define STAT(name, kind, sentence) {#name, kind_of(#kind), sentence},
#include "bpf/shared/stats.def"
#undef STAT
}};

}  // namespace

const StatInfo& stat_info(stat_id id) {
  return kStats[id];
}

std::uint64_t StatTotals::of_kind(StatKind kind) const {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    sum += kStats[i].kind == kind ? values[i] : 0;
  }
  return sum;
}

void StatCounters::add_to(StatTotals& totals) const {
  for (std::size_t i = 0; i < values_.size(); ++i) {
    totals.values[i] += values_[i].load(std::memory_order_relaxed);
  }
}

}  // namespace stoker::agent
