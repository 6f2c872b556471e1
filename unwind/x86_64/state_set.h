// Stack states by number: code has some hundreds of different ones.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "unwind/x86_64/stack_height.h"

namespace stoker::unwind::x86_64 {

using StateId = std::uint16_t;  // 0: none

// Each state once.
class StateSet {
 public:
  StateSet() { all_.push_back(kNothingKnown); }

  // 0 if there are too many.
  StateId intern(const StackState& state) {
    const auto [place, added] = ids_.try_emplace(state, static_cast<StateId>(all_.size()));
    if (added) {
      if (all_.size() > UINT16_MAX - 1) {
        ids_.erase(place);
        return 0;
      }
      all_.push_back(state);
    }
    return place->second;
  }
  const StackState& operator[](StateId id) const { return all_[id]; }

 private:
  struct Hash {
    std::size_t operator()(const StackState& state) const {
      std::uint64_t hash = static_cast<std::uint32_t>(state.rsp) * 0x9e3779b97f4a7c15ULL;
      hash = (hash ^ static_cast<std::uint32_t>(state.rbp)) * 0xff51afd7ed558ccdULL;
      for (const std::uint16_t slot : state.slots) {
        hash = (hash ^ slot) * 0x9e3779b97f4a7c15ULL + (hash >> 29);
      }
      return hash ^ state.modified ^ (state.zero_rbp ? 0x100U : 0U) ^ (state.root ? 0x200U : 0U);
    }
  };
  std::vector<StackState> all_;
  std::unordered_map<StackState, StateId, Hash> ids_;
};

}  // namespace stoker::unwind::x86_64
