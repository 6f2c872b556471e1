#include "unwind/aarch64/stack_height.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "unwind/aarch64/frame_state.h"

namespace stoker::unwind::aarch64 {
namespace {

class Follower {
 public:
  Follower(ByteView code, std::uint64_t address)
      : code_(code), address_(address), count_(code.size() / 4), owner_(count_), states_(count_) {}

  void add_start(std::uint64_t address) {
    const std::uint64_t index = (address - address_) / 4;
    if (address >= address_ && index < count_ && address % 4 == 0) {
      starts_.push_back(static_cast<std::uint32_t>(index));
    }
  }

  // Called functions begin where calls lead; words of data that look like calls lead to nothing that returns in order.
  void add_called() {
    for (std::uint32_t i = 0; i < count_; ++i) {
      const Way way = way_of(word(i));
      const std::int64_t target = i + std::int64_t{way.offset};
      if (way.flow == Flow::kCall && way.offset != 0 && target >= 0 && target < count_) {
        starts_.push_back(static_cast<std::uint32_t>(target));
      }
    }
  }

  std::vector<HeightRow> follow() {
    std::ranges::sort(starts_);
    starts_.erase(std::ranges::unique(starts_).begin(), starts_.end());
    for (const std::uint32_t start : starts_) {
      if (owner_[start] == 0) {
        follow_function(start);
      }
    }
    std::vector<HeightRow> rows;
    for (std::uint32_t i = 0; i < count_; ++i) {
      rows.push_back({address_ + 4 * std::uint64_t{i}, states_[i] ? row_of(*states_[i]) : unwind_row{}});
    }
    return rows;
  }

 private:
  std::uint32_t word(std::uint32_t index) const {
    std::uint32_t value = 0;
    std::memcpy(&value, code_.data() + 4 * std::size_t{index}, sizeof(value));
    return value;
  }

  bool begins_function(std::uint32_t index) const { return std::ranges::binary_search(starts_, index); }

  void follow_function(std::uint32_t start) {
    const std::uint32_t own = start + 1;  // 0: nobody's
    reached_.clear();
    bool good = reach(start, FrameState{}, own);
    for (std::size_t next = 0; good && next < reached_.size(); ++next) {
      const std::uint32_t index = reached_[next];
      const FrameState state = *states_[index];
      const std::uint32_t code = word(index);
      const Way way = way_of(code);
      const FrameState after = behind(state, code);
      const std::int64_t target = index + std::int64_t{way.offset};
      if (way.flow == Flow::kReturn) {
        good = state.at_return();
      } else if ((way.flow == Flow::kJump || way.flow == Flow::kBranch) && way.offset != 0) {
        good = leave_for(target, after, own);
      }
      const bool goes_on = way.flow == Flow::kNext || way.flow == Flow::kCall || way.flow == Flow::kBranch;
      if (good && goes_on && index + 1 < count_ && !begins_function(index + 1)) {
        good = reach(index + 1, after, own);
      }
    }
    if (!good) {
      for (const std::uint32_t index : reached_) {
        states_[index].reset();
      }
    }
  }

  // A jump to a function's first instruction is a tail call; to its own, also Go's way back from making the stack larger,
  // which has used x30.
  bool leave_for(std::int64_t target, const FrameState& state, std::uint32_t own) {
    if (target < 0 || target >= count_) {
      return true;
    }
    const auto index = static_cast<std::uint32_t>(target);
    return begins_function(index) || reach(index, state, own);
  }

  // False where another path comes with another state, or another function has the instruction too.
  bool reach(std::uint32_t index, const FrameState& state, std::uint32_t own) {
    if (owner_[index] == own) {
      return states_[index] == state;
    }
    if (owner_[index] != 0) {
      return states_[index].has_value() && *states_[index] == state;
    }
    owner_[index] = own;
    states_[index] = state;
    reached_.push_back(index);
    return true;
  }

  const ByteView code_;
  const std::uint64_t address_;
  const std::uint32_t count_;
  std::vector<std::uint32_t> starts_;              // indexes of instructions
  std::vector<std::uint32_t> owner_;               // per instruction: whose function has reached it
  std::vector<std::optional<FrameState>> states_;  // in front of the instruction
  std::vector<std::uint32_t> reached_;             // by the function at hand
};

}  // namespace

std::vector<HeightRow> follow_stack(ByteView code, std::uint64_t address,
                                    std::span<const std::uint64_t> starts) {
  if (code.size() > kMostFollowedCode || address % 4 != 0) {
    return {};
  }
  Follower follower(code, address);
  for (const std::uint64_t start : starts) {
    follower.add_start(start);
  }
  follower.add_called();
  return follower.follow();
}

}  // namespace stoker::unwind::aarch64
