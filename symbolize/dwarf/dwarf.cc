#include "symbolize/dwarf/dwarf.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "symbolize/dwarf/code_ranges.h"
#include "symbolize/dwarf/debug_file.h"
#include "symbolize/dwarf/function_index.h"
#include "symbolize/dwarf/function_info.h"
#include "symbolize/dwarf/interval_map.h"
#include "symbolize/dwarf/line_table.h"
#include "symbolize/dwarf/package.h"
#include "symbolize/dwarf/sparse_reading.h"

namespace stoker::symbolize::dwarf {
namespace {

// A split unit: where its DIEs are.
struct Split {
  DebugFile* file = nullptr;          // the package, or `opened`
  std::unique_ptr<DebugFile> opened;  // a .dwo of its own
  std::uint64_t offset = 0;
  UnitBases bases;
};

// What is made of a unit when an address falls into it.
struct Indexed {
  FunctionIndex functions;
  LineTable lines;
  Split split;
  std::uint64_t last_used = 0;
  std::uint64_t bytes = 0;  // of all the above
};

std::unique_ptr<DebugFile> open_file(const std::shared_ptr<const elf::ElfFile>& file, bool split,
                                     DebugFile* skeletons, const Complain& complain) {
  return file ? std::make_unique<DebugFile>(file, split, nullptr, skeletons, complain) : nullptr;
}

// Where a function starts: DW_AT_low_pc, or the first of its ranges, which is where compilers put the hot part. 0 when
// neither says.
std::uint64_t first_address(const Unit& unit, const PcAttributes& pc) {
  if (!pc.ranges) {
    return unit.address(pc.low).value_or(0);
  }
  std::vector<PcRange> spans;
  std::uint64_t limit = 64;
  read_ranges(unit, pc, spans, limit);
  return spans.empty() ? 0 : spans.front().low;
}

bool may_have_code(const UnitHeader& header) {
  return header.readable && (header.type == UnitType::kCompile || header.type == UnitType::kSkeleton);
}

}  // namespace

class Dwarf::Impl {
 public:
  explicit Impl(Inputs inputs)
      : code_(*inputs.main),
        complain_(std::move(inputs.complain)),
        supplementary_(open_file(inputs.supplementary, false, nullptr, complain_)),
        debug_(inputs.debug, false, supplementary_.get(), nullptr, complain_),
        package_(open_file(inputs.package, true, &debug_, complain_)),
        open_dwo_(std::move(inputs.open_dwo)) {}

  bool has_info() const { return !debug_.sections().get(SectionId::kInfo).empty(); }
  bool find(std::uint64_t address, std::vector<Frame>& out);
  std::uint64_t memory_bytes() const;
  void trim(std::uint64_t budget);

 private:
  void index_units();
  void index_rangeless_units();
  std::optional<std::uint32_t> unit_for(std::uint64_t address);
  Indexed& index(std::uint32_t number, const Unit& unit);
  Split open_split(const Unit& unit);
  std::uint64_t unit_bytes() const;
  void make_room();
  void forget_indexed(std::uint64_t budget);
  void append_chain(const Indexed& indexed, const Unit& unit, std::uint32_t entry, std::vector<Frame>& out);

  CodeRanges code_;
  Complain complain_;
  std::unique_ptr<DebugFile> supplementary_;
  DebugFile debug_;
  std::unique_ptr<DebugFile> package_;
  OpenDwo open_dwo_;

  bool units_indexed_ = false;
  IntervalMap unit_ranges_;  // values: numbers in debug_.units(), counted from the last
  bool rangeless_indexed_ = false;
  std::vector<std::uint32_t> rangeless_;  // units whose own DIE does not say all their ranges
  IntervalMap rangeless_ranges_;          // of the functions in them

  FunctionReader function_reader_;

  std::unordered_map<std::uint32_t, std::unique_ptr<Indexed>> indexed_;
  std::uint64_t indexed_bytes_ = 0;
  std::uint64_t clock_ = 0;
};

// .debug_aranges is not looked at: clang and rustc write none, and what some units have says nothing of the others.
// The own DIEs of all units are read instead, a few dozen bytes each.
void Dwarf::Impl::index_units() {
  units_indexed_ = true;
  const std::vector<UnitHeader>& units = debug_.units();
  if (units.size() >= UINT32_MAX) {
    return;
  }
  std::uint64_t budget = debug_.abbreviation_budget();
  const Sections& sections = debug_.sections();
  std::uint64_t limit =
      std::min(kMostRanges, sections.get(SectionId::kInfo).size() + sections.get(SectionId::kRanges).size() +
                                sections.get(SectionId::kRnglists).size());
  std::vector<AddressRange> ranges;
  std::vector<PcRange> spans;
  SparseReading reading(debug_.file(), sections.get(SectionId::kInfo));
  for (std::uint32_t i = 0; i < units.size(); ++i) {
    if (!may_have_code(units[i])) {
      continue;
    }
    reading.step();
    const auto unit = debug_.read_unit(units[i], budget);
    if (!unit || (unit->tag() != Tag::kCompileUnit && unit->tag() != Tag::kSkeletonUnit)) {
      continue;
    }
    const PcAttributes& pc = unit->pc();
    // DWARF 2 has no range lists: gcc then gives the main part of .text only, without COMDAT and cold code.
    const bool has_ranges = pc.ranges || (pc.low && pc.high);
    if (!has_ranges || units[i].layout.version == 2) {
      rangeless_.push_back(i);
    }
    spans.clear();
    read_ranges(*unit, pc, spans, limit);
    for (const PcRange& span : spans) {
      if (code_.holds(span.low)) {
        // Counted from the last, so that of units with one and the same code the first has it.
        ranges.push_back({span.low, span.high, static_cast<std::uint32_t>(units.size() - 1 - i)});
      }
    }
  }
  unit_ranges_ = IntervalMap(std::move(ranges));
}

void Dwarf::Impl::index_rangeless_units() {
  rangeless_indexed_ = true;
  std::vector<AddressRange> ranges;
  std::uint64_t budget = debug_.abbreviation_budget();
  for (const std::uint32_t number : rangeless_) {
    if (const auto unit = debug_.read_unit(debug_.units()[number], budget)) {
      append_function_ranges(*unit, code_, number, ranges);
    }
  }
  rangeless_ranges_ = IntervalMap(std::move(ranges));
}

std::optional<std::uint32_t> Dwarf::Impl::unit_for(std::uint64_t address) {
  if (!units_indexed_) {
    index_units();
  }
  if (const auto found = unit_ranges_.find(address)) {
    return static_cast<std::uint32_t>(debug_.units().size() - 1 - *found);
  }
  if (rangeless_.empty() || !code_.holds(address)) {
    return std::nullopt;
  }
  if (!rangeless_indexed_) {
    index_rangeless_units();
  }
  return rangeless_ranges_.find(address);
}

Split Dwarf::Impl::open_split(const Unit& unit) {
  Split split;
  if (package_) {
    if (const auto entry = find_in_package(package_->sections().get(SectionId::kCuIndex), unit.dwo_id())) {
      split.file = package_.get();
      split.offset = entry->info;
      split.bases = entry->bases;
      return split;
    }
  }
  constexpr unsigned kMostTries = 16;
  auto file = open_dwo_ ? open_dwo_(unit.comp_dir(), unit.dwo_name(), unit.dwo_id()) : nullptr;
  if (!file || !*file) {
    return split;
  }
  split.opened = open_file(*file, true, &debug_, complain_);
  unsigned tries = 0;
  for (const UnitHeader& header : split.opened->units()) {
    // Before version 5 the id is in the unit's own DIE, and the unit alone in its file.
    const bool may_be = header.layout.version >= 5 ? header.id == unit.dwo_id() : ++tries <= kMostTries;
    if (!may_be) {
      continue;
    }
    const Unit* candidate = split.opened->split_unit(header.offset, {}, unit);
    if (candidate != nullptr && candidate->tag() == Tag::kCompileUnit &&
        candidate->dwo_id() == unit.dwo_id()) {
      split.file = split.opened.get();
      split.offset = header.offset;
      return split;
    }
  }
  return {};
}

Indexed& Dwarf::Impl::index(std::uint32_t number, const Unit& unit) {
  auto& slot = indexed_[number];
  if (!slot) {
    slot = std::make_unique<Indexed>();
    const Unit* with_dies = &unit;
    if (unit.names_split_unit()) {
      slot->split = open_split(unit);
      Split& split = slot->split;
      with_dies = split.file == nullptr ? nullptr : split.file->split_unit(split.offset, split.bases, unit);
    }
    if (with_dies != nullptr) {
      slot->functions = FunctionIndex(*with_dies, code_);
    }
    slot->lines = LineTable(unit, code_);
    slot->bytes = sizeof(Indexed) + slot->functions.memory_bytes() + slot->lines.memory_bytes() +
                  (slot->split.opened ? slot->split.opened->memory_bytes() : 0);
    indexed_bytes_ += slot->bytes;
  }
  slot->last_used = ++clock_;
  return *slot;
}

bool Dwarf::Impl::find(std::uint64_t address, std::vector<Frame>& out) {
  out.clear();
  make_room();
  const auto number = unit_for(address);
  const Unit* unit = number ? debug_.unit(*number) : nullptr;
  if (unit == nullptr) {
    return false;
  }
  const Indexed& indexed = index(*number, *unit);
  const auto row = indexed.lines.find(*unit, address);
  const auto entry = indexed.functions.find(address);
  if (!row && !entry) {
    return false;
  }
  Frame& innermost = out.emplace_back();
  if (row) {
    innermost.file = indexed.lines.path(*unit, row->file);
    innermost.line = row->line;
  }
  if (entry) {
    append_chain(indexed, *unit, *entry, out);
  }
  return true;
}

// The innermost frame stands in `out` with its line; each call's place is that of the frame around it.
void Dwarf::Impl::append_chain(const Indexed& indexed, const Unit& unit, std::uint32_t entry,
                               std::vector<Frame>& out) {
  DebugFile& file = indexed.split.file == nullptr ? debug_ : *indexed.split.file;
  const Unit* dies = indexed.split.file == nullptr
                         ? &unit
                         : file.split_unit(indexed.split.offset, indexed.split.bases, unit);
  while (dies != nullptr) {
    const FunctionIndex::Entry& function = indexed.functions.entry(entry);
    const FunctionInfo info = function_reader_.read({&file, dies, dies->header().offset + function.die});
    Frame& frame = out.back();
    frame.linkage_name = info.names.linkage_name;
    frame.name = info.names.name;
    frame.start_line = static_cast<std::int64_t>(info.names.start_line);
    entry = function.outer;
    if (entry == FunctionIndex::kNone) {
      frame.entry = first_address(*dies, info.pc);
    }
    if (entry == FunctionIndex::kNone || out.size() == kMostFrames) {
      break;
    }
    frame.inlined = true;
    Frame& caller = out.emplace_back();
    caller.file = indexed.lines.path(unit, info.call_file);
    caller.line = static_cast<std::int64_t>(info.call_line);
  }
}

std::uint64_t Dwarf::Impl::unit_bytes() const {
  return debug_.unit_memory_bytes() + (supplementary_ ? supplementary_->unit_memory_bytes() : 0) +
         (package_ ? package_->unit_memory_bytes() : 0);
}

std::uint64_t Dwarf::Impl::memory_bytes() const {
  return sizeof(*this) + function_reader_.memory_bytes() + indexed_bytes_ + debug_.memory_bytes() +
         unit_ranges_.memory_bytes() + rangeless_ranges_.memory_bytes() +
         rangeless_.capacity() * sizeof(std::uint32_t) +
         (supplementary_ ? supplementary_->memory_bytes() : 0) + (package_ ? package_->memory_bytes() : 0);
}

// The least recently used first. More than asked for goes, so that a full cache is not sorted at each address.
void Dwarf::Impl::forget_indexed(std::uint64_t budget) {
  if (indexed_bytes_ <= budget) {
    return;
  }
  std::vector<std::pair<std::uint64_t, std::uint32_t>> by_age;
  for (const auto& [number, indexed] : indexed_) {
    by_age.emplace_back(indexed->last_used, number);
  }
  std::ranges::sort(by_age);
  function_reader_.forget();  // .dwo files may now close
  for (const auto& [age, number] : by_age) {
    if (indexed_bytes_ <= budget / 4 * 3) {
      break;
    }
    const auto found = indexed_.find(number);
    indexed_bytes_ -= found->second->bytes;
    indexed_.erase(found);
  }
}

void Dwarf::Impl::make_room() {
  constexpr std::uint64_t kMostUnits = kUnitBudget / 4;
  if (unit_bytes() > kMostUnits) {
    debug_.forget_units();
    if (supplementary_) {
      supplementary_->forget_units();
    }
    if (package_) {
      package_->forget_units();
    }
  }
  forget_indexed(kUnitBudget - kMostUnits);
}

void Dwarf::Impl::trim(std::uint64_t budget) {
  const std::uint64_t held = memory_bytes();
  if (held <= budget) {
    return;
  }
  function_reader_.forget();
  debug_.forget_units();
  if (supplementary_) {
    supplementary_->forget_units();
  }
  if (package_) {
    package_->forget_units();
  }
  const std::uint64_t fixed = memory_bytes() - indexed_bytes_;
  forget_indexed(budget > fixed ? budget - fixed : 0);
}

Dwarf::Dwarf(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Dwarf::~Dwarf() = default;

Result<std::unique_ptr<Dwarf>> Dwarf::open(Inputs inputs) {
  if (!inputs.main || !inputs.debug) {
    return make_error("cannot read debug data", "no file was given");
  }
  const std::string name = inputs.debug->name();
  if (inputs.debug->find_section(".debug_info") == nullptr &&
      inputs.debug->find_section(".zdebug_info") == nullptr) {
    return make_error("cannot read debug data of " + name, "it has no .debug_info");
  }
  return std::unique_ptr<Dwarf>(new Dwarf(std::make_unique<Impl>(std::move(inputs))));
}

bool Dwarf::find(elf::ElfAddress address, std::vector<Frame>& out) {
  return impl_->find(address.value, out);
}
std::uint64_t Dwarf::memory_bytes() const {
  return impl_->memory_bytes();
}
void Dwarf::trim(std::uint64_t budget) {
  impl_->trim(budget);
}

}  // namespace stoker::symbolize::dwarf
