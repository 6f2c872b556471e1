#include "symbolize/dwarf/scan_table.h"

#include <algorithm>
#include <array>

namespace stoker::symbolize::dwarf {
namespace {

// Tags below which no code is ever described. (A structure may hold a lambda's operator() with its code.)
constexpr std::array<std::uint16_t, 3> kCodelessTags = {
    0x01,  // DW_TAG_array_type
    0x04,  // DW_TAG_enumeration_type
    0x15,  // DW_TAG_subroutine_type
};

bool is_local_reference(FormCode form) {
  switch (form) {
    case FormCode::kRef1:
    case FormCode::kRef2:
    case FormCode::kRef4:
    case FormCode::kRef8:
    case FormCode::kRefUdata:
      return true;
    default:
      return false;
  }
}

}  // namespace

ScanTable::ScanTable(const Unit& unit) : abbreviations_(unit.abbreviations()), layout_(unit.header().layout) {
  plans_.reserve(abbreviations_.count());
  for (std::uint32_t i = 0; i < abbreviations_.count(); ++i) {
    compile(*abbreviations_.at(i));
  }
}

void ScanTable::compile(Abbreviation abbreviation) {
  ScanPlan plan;
  plan.has_children = abbreviation.has_children();
  plan.first_step = static_cast<std::uint32_t>(steps_.size());

  bool has_sibling = false;
  bool is_declaration = false;
  bool has_pc = false;
  AttributeSpec spec;
  for (Abbreviation pass = abbreviation; pass.next(spec);) {
    has_sibling |= spec.name == At::kSibling && is_local_reference(spec.form);
    is_declaration |= spec.name == At::kDeclaration;
    has_pc |= spec.name == At::kLowPc || spec.name == At::kRanges;
  }
  const Tag tag = abbreviation.tag();
  if (tag == Tag::kInlinedSubroutine) {
    plan.kind = DieKind::kInlined;
  } else if (tag == Tag::kSubprogram) {
    const bool codeless = is_declaration && !has_pc && has_sibling;
    plan.kind = codeless ? DieKind::kCodeless : DieKind::kSubprogram;
  } else if (has_sibling && plan.has_children &&
             std::ranges::find(kCodelessTags, static_cast<std::uint16_t>(tag)) != kCodelessTags.end()) {
    plan.kind = DieKind::kCodeless;
  }
  const bool is_function = plan.kind == DieKind::kSubprogram || plan.kind == DieKind::kInlined;
  has_code_ |= is_function && has_pc;

  std::vector<At> names;
  while (abbreviation.next(spec)) {
    const bool pc = spec.name == At::kLowPc || spec.name == At::kHighPc || spec.name == At::kRanges;
    bool wanted = (is_function && pc) || (plan.kind == DieKind::kCodeless && spec.name == At::kSibling);
    // Once each: such a step may be of no bytes, and a hostile declaration repeat it without end.
    if (wanted) {
      wanted = std::ranges::find(names, spec.name) == names.end();
      if (wanted) {
        names.push_back(spec.name);
      }
    }
    if (wanted) {
      steps_.push_back({.wanted = true, .name = spec.name, .form = spec.form, .implicit = spec.implicit});
    } else {
      const FormSize size = form_size(spec.form, layout_);
      const bool joins = size.skip == Skip::kFixed && steps_.size() > plan.first_step &&
                         !steps_.back().wanted && steps_.back().skip == Skip::kFixed;
      if (joins) {
        steps_.back().bytes += size.bytes;
      } else if (size.skip != Skip::kFixed || size.bytes != 0) {
        steps_.push_back({.skip = size.skip, .bytes = size.bytes});
      }
    }
  }
  std::size_t steps = steps_.size() - plan.first_step;
  // A DIE of more attributes than any producer writes: not known how to step over it.
  if (steps > UINT16_MAX) {
    steps_.resize(plan.first_step);
    steps_.push_back({.skip = Skip::kUnknown});
    steps = 1;
  }
  plan.steps = static_cast<std::uint16_t>(steps);
  plans_.push_back(plan);
}

void ScanTable::run(const ScanPlan& plan, ByteReader& reader, Found& found) const {
  const ScanStep* step = steps_.data() + plan.first_step;
  for (const ScanStep* const end = step + plan.steps; step != end; ++step) {
    if (step->wanted) {
      const FormValue value = read_form(reader, step->form, step->implicit, layout_);
      switch (step->name) {
        case At::kLowPc:
          found.pc.low = value;
          break;
        case At::kHighPc:
          found.pc.high = value;
          break;
        case At::kRanges:
          found.pc.ranges = value;
          break;
        default:
          found.sibling = value.number;
          break;
      }
      continue;
    }
    skip_value(reader, step->skip, step->bytes, layout_);
  }
}

}  // namespace stoker::symbolize::dwarf
