#include "symbolize/dwarf/function_info.h"

#include <array>

namespace stoker::symbolize::dwarf {
namespace {

// The longest chain compilers write is inlined call → abstract instance → declaration, and one more after
// link-time optimisation.
constexpr unsigned kMostReferences = 16;

// gcc's name for the cold part of a function in DWARF 2, which cannot say that a function has two ranges.
constexpr std::string_view kSecondPart = "__second_sect_of_";

}  // namespace

FunctionInfo describe_function(const DieRef& die) {
  FunctionInfo info;
  std::array<DieRef, kMostReferences> waiting;
  waiting[0] = die;
  std::size_t added = 1;
  for (std::size_t left = 1; left > 0;) {
    const DieRef at = waiting[--left];
    FormValue origin;
    FormValue specification;
    at.unit->visit_die(at.offset, [&](At name, const FormValue& value) {
      switch (name) {
        case At::kLinkageName:
        case At::kMipsLinkageName:
          if (info.linkage_name.empty()) {
            info.linkage_name = at.unit->text(value);
          }
          break;
        case At::kName:
          if (info.name.empty()) {
            info.name = at.unit->text(value);
          }
          break;
        case At::kDeclLine:
          if (info.start_line == 0) {
            info.start_line = value.number;
          }
          break;
        case At::kCallFile:
          if (added == 1) {
            info.call_file = value.number;
          }
          break;
        case At::kCallLine:
          if (added == 1) {
            info.call_line = value.number;
          }
          break;
        case At::kLowPc:
          if (added == 1) {
            info.pc.low = value;
          }
          break;
        case At::kRanges:
          if (added == 1) {
            info.pc.ranges = value;
          }
          break;
        case At::kAbstractOrigin:
          origin = value;
          break;
        case At::kSpecification:
          specification = value;
          break;
        default:
          break;
      }
    });
    if (!info.linkage_name.empty() && !info.name.empty() && info.start_line != 0) {
      break;
    }
    for (const FormValue& value : {origin, specification}) {
      const DieRef next = value ? at.file->resolve(*at.unit, value) : DieRef{};
      if (next.unit != nullptr && added < kMostReferences) {
        waiting[left++] = next;
        ++added;
      }
    }
  }
  if (info.name.starts_with(kSecondPart)) {
    info.name.remove_prefix(kSecondPart.size());
  }
  return info;
}

}  // namespace stoker::symbolize::dwarf
