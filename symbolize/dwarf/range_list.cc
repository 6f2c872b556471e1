#include "symbolize/dwarf/range_list.h"

namespace stoker::symbolize::dwarf {
namespace {

// Entry kinds of .debug_rnglists (DWARF 5 §7.25).
enum class Rle : std::uint8_t {
  kEndOfList = 0,
  kBaseAddressx = 1,
  kStartxEndx = 2,
  kStartxLength = 3,
  kOffsetPair = 4,
  kBaseAddress = 5,
  kStartEnd = 6,
  kStartLength = 7,
};

void add(std::uint64_t low, std::uint64_t high, std::vector<PcRange>& out) {
  if (low < high) {
    out.push_back({low, high});
  }
}

// DWARF 4 §2.17.3: pairs relative to a base, (0, 0) at the end, (-1, address) sets the base.
void read_old_list(const Unit& unit, std::uint64_t offset, std::vector<PcRange>& out, std::uint64_t& limit) {
  ByteReader reader(unit.sections().skeleton->get(SectionId::kRanges));
  reader.seek(offset);
  std::uint64_t base = unit.bases().low_pc;
  for (; limit > 0; --limit) {
    const std::uint64_t low = reader.u64();
    const std::uint64_t high = reader.u64();
    if (!reader.ok() || (low == 0 && high == 0)) {
      return;
    }
    if (low == UINT64_MAX) {
      base = high;
    } else {
      add(base + low, base + high, out);
    }
  }
}

void read_list(const Unit& unit, std::uint64_t offset, std::vector<PcRange>& out, std::uint64_t& limit) {
  ByteReader reader(unit.sections().own->get(SectionId::kRnglists));
  reader.seek(offset);
  std::uint64_t base = unit.bases().low_pc;
  bool known = true;  // whether the address that an index names exists
  const auto indexed = [&] {
    const auto found = unit.address_at(reader.uleb());
    known = found.has_value();
    return found.value_or(0);
  };
  for (; limit > 0; --limit) {
    const auto kind = static_cast<Rle>(reader.u8());
    std::uint64_t low = 0;
    std::uint64_t high = 0;
    known = true;
    switch (kind) {
      case Rle::kBaseAddressx:
        base = indexed();
        break;
      case Rle::kStartxEndx:
        low = indexed();
        high = known ? indexed() : reader.uleb();
        break;
      case Rle::kStartxLength:
        low = indexed();
        high = low + reader.uleb();
        break;
      case Rle::kOffsetPair:
        low = base + reader.uleb();
        high = base + reader.uleb();
        break;
      case Rle::kBaseAddress:
        base = reader.u64();
        break;
      case Rle::kStartEnd:
        low = reader.u64();
        high = reader.u64();
        break;
      case Rle::kStartLength:
        low = reader.u64();
        high = low + reader.uleb();
        break;
      case Rle::kEndOfList:
      default:
        return;
    }
    if (!reader.ok()) {
      return;
    }
    if (known) {
      add(low, high, out);
    }
  }
}

void read_range_list(const Unit& unit, const FormValue& ranges, std::vector<PcRange>& out,
                     std::uint64_t& limit) {
  const UnitBases& bases = unit.bases();
  const Layout layout = unit.header().layout;
  if (layout.version < 5) {
    // The base is for what is in the .dwo; the skeleton's own list is at its plain offset.
    const bool split = unit.sections().own->split();
    read_old_list(unit, ranges.number + (split ? bases.ranges : 0), out, limit);
    return;
  }
  if (ranges.form != FormCode::kRnglistx) {
    read_list(unit, ranges.number + bases.rnglists_part, out, limit);
    return;
  }
  // An index into the offsets that follow the table's header, themselves counted from there.
  const ByteView table = unit.sections().own->get(SectionId::kRnglists);
  if (ranges.number > table.size() / layout.offset_size) {
    return;
  }
  ByteReader reader(table);
  reader.seek(bases.rnglists + ranges.number * layout.offset_size);
  const std::uint64_t offset = reader.sized(layout.offset_size);
  if (reader.ok()) {
    read_list(unit, bases.rnglists + offset, out, limit);
  }
}

}  // namespace

void read_ranges(const Unit& unit, const PcAttributes& pc, std::vector<PcRange>& out, std::uint64_t& limit) {
  if (pc.ranges) {
    read_range_list(unit, pc.ranges, out, limit);
    return;
  }
  const auto low = unit.address(pc.low);
  if (!low || !pc.high || limit == 0) {
    return;
  }
  --limit;
  // DWARF 4 and later: a constant is the length.
  const auto high = is_address_form(pc.high.form) ? unit.address(pc.high) : *low + pc.high.number;
  add(*low, high.value_or(0), out);
}

}  // namespace stoker::symbolize::dwarf
