#include "symbolize/dwarf/function_info.h"

namespace stoker::symbolize::dwarf {
namespace {

// The longest chain compilers write is inlined call → abstract instance → declaration, and one more after
// link-time optimisation. Each DIE may refer to two, so that this bounds the work as well.
constexpr unsigned kMostReferences = 5;

constexpr std::size_t kKnown = 1024;

// gcc's name for the cold part of a function in DWARF 2, which cannot say that a function has two ranges.
constexpr std::string_view kSecondPart = "__second_sect_of_";

void fill(FunctionNames& names, const FunctionNames& more) {
  if (names.linkage_name.empty()) {
    names.linkage_name = more.linkage_name;
  }
  if (names.name.empty()) {
    names.name = more.name;
  }
  if (names.start_line == 0) {
    names.start_line = more.start_line;
  }
}

}  // namespace

FunctionInfo FunctionReader::read(const DieRef& die) {
  FunctionInfo info = read(die, 0);
  if (info.names.name.starts_with(kSecondPart)) {
    info.names.name.remove_prefix(kSecondPart.size());
  }
  return info;
}

FunctionInfo FunctionReader::read(const DieRef& die, unsigned depth) {
  FunctionInfo info;
  FormValue origin;
  FormValue specification;
  die.unit->visit_die(die.offset, [&](At name, const FormValue& value) {
    switch (name) {
      case At::kLinkageName:
      case At::kMipsLinkageName:
        if (info.names.linkage_name.empty()) {
          info.names.linkage_name = die.unit->text(value);
        }
        break;
      case At::kName:
        if (info.names.name.empty()) {
          info.names.name = die.unit->text(value);
        }
        break;
      case At::kDeclLine:
        info.names.start_line = value.number;
        break;
      case At::kCallFile:
        info.call_file = value.number;
        break;
      case At::kCallLine:
        info.call_line = value.number;
        break;
      case At::kLowPc:
        info.pc.low = value;
        break;
      case At::kRanges:
        info.pc.ranges = value;
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
  for (const FormValue& value : {specification, origin}) {
    if (value && !info.names.complete() && depth < kMostReferences) {
      const DieRef next = die.file->resolve(*die.unit, value);
      if (next.unit != nullptr) {
        fill(info.names, names_of(next, depth + 1));
      }
    }
  }
  return info;
}

FunctionNames FunctionReader::names_of(const DieRef& die, unsigned depth) {
  // Further down a chain is cut earlier: what is said must not depend on what was asked for before.
  if (depth > 1) {
    return read(die, depth).names;
  }
  known_.resize(kKnown);
  Known& known = known_[(die.offset ^ die.offset >> 10) % kKnown];
  if (known.file != die.file || known.die != die.offset) {
    known = {die.file, die.offset, read(die, depth).names};
  }
  return known.names;
}

}  // namespace stoker::symbolize::dwarf
