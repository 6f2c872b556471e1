#include "unwind/x86_64/stack_height.h"

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <string_view>
#include <unordered_map>

#include "unwind/x86_64/state_set.h"

namespace stoker::unwind::x86_64 {
namespace {

using Offset = std::uint32_t;  // into the code

class Follower {
 public:
  // noreturn: as without_return() gives.
  Follower(ByteView code, std::uint64_t address, std::span<const std::uint64_t> starts,
           const std::set<std::int64_t>& noreturn)
      : code_(code),
        address_(address),
        noreturn_(noreturn),
        steps_left_(std::min(kStepsPerByte * code.size() + 1024, kMostSteps)) {
    is_start_.resize(code.size());
    states_at_.resize(code.size());
    owners_.resize(code.size());
    attempts_.emplace_back();
    for (const std::uint64_t start : starts) {
      if (start >= address && start - address < code.size()) {
        add_start(static_cast<Offset>(start - address));
      }
    }
  }

  void run() {
    drain();
    search();
    search();
  }

  // Functions (offset of their first instruction, which may lie elsewhere) that do not come back, as far as what is behind
  // calls of them tells.
  std::set<std::int64_t> without_return() const {
    std::set<std::int64_t> found;
    for (const auto& [callee, votes] : votes_) {
      if (callee != kNoCallee && votes.ends * std::uint64_t{kEndsToBelieve} >= votes.returns &&
          votes.ends != 0) {
        found.insert(callee);
      }
    }
    return found;
  }

  std::vector<HeightRow> rows() {
    const std::vector<bool> good = good_attempts();
    std::vector<HeightRow> rows;
    StackState last = kNothingKnown;
    const auto append = [&](Offset at, const StackState& state) {
      if (!(state == last)) {
        rows.push_back({address_ + at, state});
        last = state;
      }
    };
    for (Offset at = 0; at < code_.size();) {
      const bool known = states_at_[at] != 0 && good[owners_[at]];
      append(at, known ? states_[states_at_[at]] : kNothingKnown);
      at += states_at_[at] != 0 ? length_at(at) : 1;
    }
    return rows;
  }

 private:
  // Each instruction may be visited a few times: for another beginning that was tried in vain, and where paths meet.
  static constexpr std::size_t kStepsPerByte = 4;
  // 50 to 100 ns each.
  static constexpr std::size_t kMostSteps = 8'000'000;
  // abort() is often followed by code that happens to fit, a function that comes back rarely by code that does not.
  static constexpr std::uint32_t kEndsToBelieve = 8;

  static constexpr std::int64_t kNoCallee = INT64_MIN;

  // What is found behind the calls of one function.
  struct Votes {
    std::uint32_t returns = 0;
    std::uint32_t ends = 0;  // code that belongs to something else
  };
  struct Edge {
    Offset at;
    StateId state;
    std::uint32_t parent;  // the attempt that it comes from
    std::int64_t callee = kNoCallee;
  };
  // Code followed from one place until it ends in calls, returns and jumps elsewhere.
  struct Attempt {
    std::uint32_t parent = 0;
    std::int64_t callee = kNoCallee;  // whose call it is behind
    bool tentative = false;
    bool confirmed = false;  // a return was reached in order
    bool disputed = false;
  };
  using Join = std::pair<std::uint32_t, std::uint32_t>;  // an attempt, and one that met its code and agreed
  struct Change {
    Offset at;
    StateId before;
  };

  void add_start(Offset at) {
    if (!is_start_[at]) {
      mark_start(at);
      new_starts_.push_back(at);
    }
  }
  void mark_start(Offset at) {
    is_start_[at] = true;
    starts_.insert(at);
  }

  bool is_start(Offset at) const { return at < is_start_.size() && is_start_[at]; }

  std::uint8_t length_at(Offset at) const {
    const auto instruction = decode(code_.subspan(at));
    return instruction ? instruction->length : std::uint8_t{1};
  }

  // Follows all that is known to be reached. Starts go first: they are certain, and what is behind a call is not.
  void drain() {
    for (;;) {
      if (!new_starts_.empty()) {
        const Offset at = new_starts_.front();
        new_starts_.pop_front();
        begin({at, states_.intern(kAtEntry), 0}, false, false);
      } else if (!after_calls_.empty()) {
        const Edge edge = after_calls_.front();
        after_calls_.pop_front();
        const bool good = !is_start(edge.at) && begin(edge, false, false);
        Votes& votes = votes_[edge.callee];
        ++(good ? votes.returns : votes.ends);
      } else {
        return;
      }
    }
  }

  // Tries what nothing has reached.
  void search() {
    bool may_begin = true;
    for (Offset at = 0; at < code_.size();) {
      const auto instruction = decode(code_.subspan(at));
      const std::size_t length = instruction ? instruction->length : 1;
      if (states_at_[at] == 0 && instruction && !instruction->is_padding()) {
        may_begin = may_begin || at % 16 == address_ % 16;
        if (may_begin && try_beginnings(at)) {
          drain();
        }
      }
      if (!instruction || !instruction->is_padding()) {
        const Flow flow = instruction ? flow_of(*instruction) : Flow::kNext;
        may_begin = flow == Flow::kReturn || flow == Flow::kJump || flow == Flow::kIndirectJump ||
                    flow == Flow::kStop;
      }
      at += static_cast<Offset>(length);
    }
  }

  // Either a function begins here, or a case of a jump table of the function before.
  bool try_beginnings(Offset at) {
    const auto next = starts_.upper_bound(at);
    const Offset from = next == starts_.begin() ? 0 : *std::prev(next);
    const Offset to = next == starts_.end() ? static_cast<Offset>(code_.size()) : *next;
    std::vector<StateId> candidates;
    for (auto jump = indirect_jumps_.lower_bound(from); jump != indirect_jumps_.end() && jump->first < to;
         ++jump) {
      if (std::ranges::find(candidates, jump->second) == candidates.end()) {
        candidates.push_back(jump->second);
      }
    }
    const StateId entry = states_.intern(kAtEntry);
    std::erase(candidates, entry);
    constexpr std::size_t kMostCandidates = 3;
    if (candidates.size() > kMostCandidates) {
      return false;
    }
    candidates.push_back(entry);
    for (const StateId state : candidates) {
      // A function that never returns shows by nothing that it is one, but that its address is taken.
      const bool taken = state == entry && taken_.contains(at);
      if (begin({at, state, 0}, true, false) || begin({at, state, 0}, true, true) ||
          (taken && begin({at, state, 0}, false, false))) {
        if (state == entry) {
          mark_start(at);
        }
        return true;
      }
    }
    return false;
  }

  // One attempt. tentative: it has to be confirmed. past_calls: to look for that behind calls as well.
  bool begin(const Edge& from, bool tentative, bool past_calls) {
    changes_.clear();
    calls_.clear();
    called_.clear();
    pointed_at_.clear();
    jumps_.clear();
    attempt_ = static_cast<std::uint32_t>(attempts_.size());
    attempts_.push_back({from.parent, from.callee, tentative, false, false});
    joined_.clear();
    past_calls_ = past_calls;
    uncertain_ = !is_start(from.at);
    open_.assign(1, {from.at, from.state});
    bool good = true;
    while (good && !open_.empty()) {
      const auto [at, state] = open_.back();
      open_.pop_back();
      good = follow(at, state);
    }
    if (!good || (tentative && !attempts_[attempt_].confirmed && joined_.empty())) {
      for (auto change = changes_.rbegin(); change != changes_.rend(); ++change) {
        states_at_[change->at] = change->before;
        owners_[change->at] = change->before == 0 ? 0 : owners_[change->at];
      }
      attempts_.pop_back();
      return false;
    }
    if (changes_.empty()) {
      attempts_.pop_back();
      return true;
    }
    for (const Edge& edge : calls_) {
      after_calls_.push_back(edge);
    }
    for (const Offset called : called_) {
      add_start(called);
    }
    taken_.insert(pointed_at_.begin(), pointed_at_.end());
    indirect_jumps_.insert(jumps_.begin(), jumps_.end());
    for (const std::uint32_t owner : joined_) {
      joins_.emplace_back(owner, attempt_);
    }
    return true;
  }

  // What follows a call may be another function's, if the callee never comes back. So code behind calls counts only if
  // the callee returns, or it leads to a return in order, or to code that does, or from code that others confirm.
  std::vector<bool> good_attempts() {
    std::ranges::sort(joins_);
    std::vector<std::uint32_t> open;
    for (std::uint32_t i = 1; i < attempts_.size(); ++i) {
      if (attempts_[i].confirmed) {
        open.push_back(i);
      }
    }
    const auto confirm = [&](std::uint32_t attempt) {
      if (attempt != 0 && !attempts_[attempt].confirmed) {
        attempts_[attempt].confirmed = true;
        open.push_back(attempt);
      }
    };
    while (!open.empty()) {
      const std::uint32_t attempt = open.back();
      open.pop_back();
      confirm(attempts_[attempt].parent);
      for (const auto& [owner, joiner] : std::ranges::equal_range(joins_, attempt, {}, &Join::first)) {
        confirm(joiner);
      }
    }
    std::vector<bool> good(attempts_.size());
    for (std::size_t i = 1; i < attempts_.size(); ++i) {
      const Attempt& attempt = attempts_[i];
      const bool behind_call = attempt.parent != 0;
      const bool reached = behind_call
                               ? good[attempt.parent] && (attempt.confirmed || returns(attempt.callee))
                               : attempt.confirmed || !attempt.tentative;
      good[i] = reached && !attempt.disputed;
    }
    return good;
  }

  // Whether a function was seen to return: its attempt is confirmed.
  bool returns(std::int64_t callee) const {
    const auto at = static_cast<std::uint64_t>(callee);
    return callee >= 0 && at < code_.size() && states_at_[at] != 0 && attempts_[owners_[at]].confirmed;
  }

  // Whether a call with such a stack is none that compilers make (psABI 3.2.2).
  static bool misaligned(const StackState& state) {
    return !state.root && state.rsp != StackState::kUnknown && state.rsp % 16 != 0;
  }

  // The code that lea puts the address of into a register; next: the offset behind it.
  std::optional<Offset> address_taken(const Instruction& instruction, Offset next) const {
    constexpr std::uint8_t kLea = 0x8d;
    const bool relative = instruction.mod == 0 && instruction.rm % 8 == kBp;  // to rip
    const std::int64_t target = std::int64_t{next} + instruction.displacement;
    if (!instruction.is(Instruction::kOneByte, kLea) || !relative || target < 0 ||
        static_cast<std::uint64_t>(target) >= code_.size()) {
      return std::nullopt;
    }
    return static_cast<Offset>(target);
  }

  // Whether a function may end here: padding, then a place where functions begin.
  bool may_end_at(Offset at) const {
    while (at < code_.size() && (address_ + at) % 16 != 0) {
      const auto instruction = decode(code_.subspan(at));
      if (!instruction || !instruction->is_padding()) {
        return false;
      }
      at += instruction->length;
    }
    return true;
  }

  // Where a path meets what is known.
  enum class Meeting : std::uint8_t { kNew, kSame, kChanged, kDispute };
  Meeting meet(Offset at, StateId& state) {
    const StateId known = states_at_[at];
    if (known == 0) {
      owners_[at] = attempt_;
      return Meeting::kNew;
    }
    StackState merged = states_[known];
    if (!merge(merged, states_[state])) {
      const std::uint32_t owner = owners_[at];
      if (owner != attempt_ && !attempts_[owner].confirmed && attempts_[attempt_].parent != 0) {
        attempts_[owner].disputed = true;
      }
      return Meeting::kDispute;
    }
    if (owners_[at] != attempt_) {
      joined_.push_back(owners_[at]);
    }
    if (merged == states_[known]) {
      return Meeting::kSame;
    }
    state = states_.intern(merged);
    return state == 0 ? Meeting::kDispute : Meeting::kChanged;
  }

  bool follow(Offset at, StateId id) {
    for (;;) {
      if (at >= code_.size() || steps_left_ == 0) {
        return false;
      }
      --steps_left_;
      const Meeting meeting = meet(at, id);
      if (meeting == Meeting::kSame || meeting == Meeting::kDispute) {
        return meeting == Meeting::kSame;
      }
      StackState state = states_[id];
      if (is_start_[at] && (state.rsp != -8 || state.root)) {
        return false;
      }
      changes_.push_back({at, states_at_[at]});
      states_at_[at] = id;
      const auto instruction = decode(code_.subspan(at));
      if (!instruction || !apply(*instruction, state)) {
        return false;
      }
      const Offset next = at + instruction->length;
      const Flow flow = flow_of(*instruction);
      if (!state.known()) {
        return flow != Flow::kReturn;  // nothing can be said from here on
      }
      const StateId after = state == states_[id] ? id : states_.intern(state);  // most change nothing
      if (after == 0) {
        return false;
      }
      if (const auto address = address_taken(*instruction, next)) {
        pointed_at_.push_back(*address);
      }
      // Of no meaning unless the instruction jumps or calls; mov's immediate may be any.
      const auto target =
          static_cast<std::int64_t>(std::uint64_t{next} + static_cast<std::uint64_t>(instruction->immediate));
      const bool inside = target >= 0 && static_cast<std::uint64_t>(target) < code_.size();
      const auto target_offset = inside ? static_cast<Offset>(target) : Offset{0};
      switch (flow) {
        case Flow::kNext:
          break;
        case Flow::kCall:
          if (target == next) {
            return true;  // asks for its own address: what it does with the stack then is not followed
          }
          if (uncertain_ && misaligned(state)) {
            return false;
          }
          if (inside) {
            called_.push_back(target_offset);
          }
          [[fallthrough]];
        case Flow::kIndirectCall:
          if (past_calls_ && may_end_at(next)) {
            return true;
          }
          if (noreturn_.contains(target) && flow == Flow::kCall) {
            return true;
          }
          if (!past_calls_) {
            calls_.push_back({next, after, attempt_, flow == Flow::kCall ? target : kNoCallee});
            return true;
          }
          break;
        case Flow::kBranch:
          if (inside) {
            open_.emplace_back(target_offset, after);
          }
          break;
        case Flow::kJump:
          if (!inside) {
            return true;
          }
          at = target_offset;
          id = after;
          continue;
        case Flow::kIndirectJump:
          jumps_.emplace_back(at, after);
          return true;
        case Flow::kReturn:
          attempts_[attempt_].confirmed = true;
          return !state.root && state.rsp == -8;
        case Flow::kStop:
          return true;
      }
      at = next;
      id = after;
    }
  }

  ByteView code_;
  std::uint64_t address_;
  const std::set<std::int64_t>& noreturn_;
  std::unordered_map<std::int64_t, Votes> votes_;
  std::size_t steps_left_;
  StateSet states_;
  std::vector<StateId> states_at_;     // by offset: at instructions that were reached
  std::vector<std::uint32_t> owners_;  // by offset: the attempt that reached it
  std::vector<Attempt> attempts_;      // 0 is none
  std::vector<Join> joins_;
  std::set<Offset> starts_;
  std::vector<bool> is_start_;  // by offset: whether starts_ has it, asked for each instruction
  std::set<Offset> taken_;      // addresses that code takes: functions' or labels'
  std::multimap<Offset, StateId> indirect_jumps_;
  std::deque<Offset> new_starts_;
  std::deque<Edge> after_calls_;

  // Of the attempt at hand.
  std::uint32_t attempt_ = 0;
  bool past_calls_ = false;
  bool uncertain_ = false;  // whether the code is anything's at all
  std::vector<std::pair<Offset, StateId>> open_;
  std::vector<Edge> calls_;
  std::vector<std::pair<Offset, StateId>> jumps_;
  std::vector<Offset> called_;
  std::vector<Offset> pointed_at_;
  std::vector<std::uint32_t> joined_;
  std::vector<Change> changes_;
};

}  // namespace

std::vector<HeightRow> follow_stack(ByteView code, std::uint64_t address,
                                    std::span<const std::uint64_t> starts) {
  if (code.size() > kMostFollowedCode) {
    return {};
  }
  std::set<std::int64_t> noreturn;
  {
    Follower first(code, address, starts, noreturn);
    first.run();
    noreturn = first.without_return();
  }
  Follower follower(code, address, starts, noreturn);
  follower.run();
  return follower.rows();
}

}  // namespace stoker::unwind::x86_64
