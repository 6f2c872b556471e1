#include "symbolize/dwarf/function_index.h"

#include <algorithm>

#include "symbolize/dwarf/scan_table.h"

namespace stoker::symbolize::dwarf {
namespace {

// Nested DIEs; C++ reaches some dozens. A hostile unit would have each of its bytes be one.
constexpr std::size_t kDeepest = 1 << 14;

// Walks a unit's DIEs in order and keeps the subprograms and inlined subroutines that are open at each.
class FunctionScan {
 public:
  FunctionScan(const Unit& unit, const CodeRanges& code)
      : unit_(unit),
        code_(code),
        table_(unit),
        // Each range is behind bytes of this unit or of the lists; see read_ranges().
        limit_(std::min(kMostRanges, unit.header().end - unit.header().offset +
                                         unit.sections().own->get(SectionId::kRnglists).size() +
                                         unit.sections().skeleton->get(SectionId::kRanges).size())) {}

  void run() {
    if (!table_.has_code() || unit_.header().end - unit_.header().offset > UINT32_MAX) {
      return;
    }
    ByteReader reader = unit_.reader_at(unit_.header().die());
    while (step(reader)) {
    }
  }

  std::vector<FunctionIndex::Entry> take_entries() {
    entries_.shrink_to_fit();
    return std::move(entries_);
  }
  std::vector<AddressRange> take_ranges() { return std::move(ranges_); }

 private:
  struct Open {
    std::uint32_t die = 0;
    std::uint32_t entry = FunctionIndex::kNone;   // made when it, or something inlined into it, has code
    std::uint32_t outer = FunctionIndex::kNone;   // in open_; kNone also for what is outside of a subprogram
    std::uint32_t before = FunctionIndex::kNone;  // what was innermost when this was opened
  };

  // False at the end of the unit's DIEs, or where they cannot be read any further.
  bool step(ByteReader& reader) {
    const std::size_t start = reader.position();
    const std::uint64_t code = reader.uleb();
    if (code == 0) {
      return reader.ok() && close();
    }
    const ScanPlan* plan = table_.find(code);
    if (plan == nullptr) {
      return false;
    }
    if (plan->kind == DieKind::kOther) {
      table_.run(*plan, reader, ignored_);
      if (plan->has_children) {
        levels_.push_back(false);
      }
    } else {
      ScanTable::Found found;
      table_.run(*plan, reader, found);
      if (!reader.ok()) {
        return false;
      }
      if (plan->kind == DieKind::kCodeless) {
        skip_children(*plan, found.sibling, reader);
      } else {
        function(*plan, static_cast<std::uint32_t>(start - unit_.header().offset), found.pc);
      }
    }
    return reader.ok() && !levels_.empty() && levels_.size() < kDeepest && entries_.size() < kMostRanges;
  }

  bool close() {
    if (levels_.back()) {
      innermost_ = open_.back().before;
      open_.pop_back();
    }
    levels_.pop_back();
    return !levels_.empty();
  }

  void skip_children(const ScanPlan& plan, std::uint64_t sibling, ByteReader& reader) {
    // Forward only, or a hostile unit would go round for ever.
    const std::uint64_t target = unit_.header().offset + sibling;
    if (sibling < UINT32_MAX && target > reader.position()) {
      reader.seek(target);
    } else if (plan.has_children) {
      levels_.push_back(false);
    }
  }

  void function(const ScanPlan& plan, std::uint32_t die, const PcAttributes& pc) {
    Open opened{.die = die, .before = innermost_};
    if (plan.kind == DieKind::kInlined) {
      opened.outer = innermost_;
    }
    spans_.clear();
    if (pc.low || pc.ranges) {
      read_ranges(unit_, pc, spans_, limit_);
    }
    std::erase_if(spans_, [this](const PcRange& span) { return !code_.holds(span.low); });
    if (!spans_.empty()) {
      opened.entry = make_entry(opened);
      for (const PcRange& span : spans_) {
        ranges_.push_back({span.low, span.high, opened.entry});
      }
    }
    if (plan.has_children) {
      innermost_ = static_cast<std::uint32_t>(open_.size());
      open_.push_back(opened);
      levels_.push_back(true);
    }
  }

  // The entry of what is being opened, after those of what it is inlined into: a caller without code of its own
  // still belongs to the chain.
  std::uint32_t make_entry(const Open& opened) {
    missing_.clear();
    std::uint32_t outer = opened.outer;
    while (outer != FunctionIndex::kNone && open_[outer].entry == FunctionIndex::kNone) {
      missing_.push_back(outer);
      outer = open_[outer].outer;
    }
    std::uint32_t last = outer == FunctionIndex::kNone ? FunctionIndex::kNone : open_[outer].entry;
    for (auto it = missing_.rbegin(); it != missing_.rend(); ++it) {
      open_[*it].entry = add_entry(open_[*it].die, last);
      last = open_[*it].entry;
    }
    return add_entry(opened.die, last);
  }

  std::uint32_t add_entry(std::uint32_t die, std::uint32_t outer) {
    entries_.push_back({die, outer});
    return static_cast<std::uint32_t>(entries_.size() - 1);
  }

  const Unit& unit_;
  const CodeRanges& code_;
  ScanTable table_;
  std::uint64_t limit_;
  std::vector<bool> levels_;                        // the DIEs that are open: whether each is a function
  std::vector<Open> open_;                          // the functions among them
  std::uint32_t innermost_ = FunctionIndex::kNone;  // in open_
  std::vector<FunctionIndex::Entry> entries_;
  std::vector<AddressRange> ranges_;
  // Kept between steps for their memory.
  std::vector<PcRange> spans_;
  std::vector<std::uint32_t> missing_;
  ScanTable::Found ignored_;
};

}  // namespace

FunctionIndex::FunctionIndex(const Unit& unit, const CodeRanges& code) {
  FunctionScan scan(unit, code);
  scan.run();
  entries_ = scan.take_entries();
  ranges_ = IntervalMap(scan.take_ranges());
}

void append_function_ranges(const Unit& unit, const CodeRanges& code, std::uint32_t value,
                            std::vector<AddressRange>& out) {
  FunctionScan scan(unit, code);
  scan.run();
  for (const AddressRange& range : scan.take_ranges()) {
    out.push_back({range.low, range.high, value});
  }
}

}  // namespace stoker::symbolize::dwarf
