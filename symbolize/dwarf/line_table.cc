#include "symbolize/dwarf/line_table.h"

#include <algorithm>
#include <tuple>

#include "symbolize/dwarf/line_machine.h"

namespace stoker::symbolize::dwarf {
namespace {

// So much program without a row is no compiler's: the sequence is left out, since each look-up in it would run
// over all that again.
constexpr std::size_t kMostBytesPerRow = 1 << 16;

// Sequences that start before an address and may still hold it. Only folded code overlaps, two or three deep.
constexpr unsigned kMostOverlaps = 64;

}  // namespace

LineTable::LineTable(const Unit& unit, const CodeRanges& code) {
  const auto offset = unit.line_offset();
  auto header = offset ? LineHeader::read(unit, *offset) : std::nullopt;
  if (!header) {
    if (offset) {
      unit.sections().own->report("a bad line program", *offset, SectionId::kLine);
    }
    return;
  }
  header_ = *std::move(header);
  if (header_.program_end() - header_.program() <= UINT32_MAX) {
    run(unit, code);
  }
  // find() looks from behind: among sequences of one start (folded code) the shortest, then the first written.
  std::ranges::sort(sequences_, [](const Sequence& a, const Sequence& b) {
    return std::tie(a.low, b.high, b.first_mark) < std::tie(b.low, a.high, a.first_mark);
  });
  sequences_.shrink_to_fit();
  marks_.shrink_to_fit();
  highest_.reserve(sequences_.size());
  for (const Sequence& sequence : sequences_) {
    highest_.push_back(std::max(sequence.high, highest_.empty() ? 0 : highest_.back()));
  }
}

void LineTable::run(const Unit& unit, const CodeRanges& code) {
  const ByteView section = unit.sections().own->get(SectionId::kLine);
  ByteReader reader(section.first(static_cast<std::size_t>(header_.program_end())));
  reader.seek(header_.program());
  LineMachine machine(header_, reader, {});

  Sequence sequence;
  unsigned rows = 0;
  bool sparse = false;
  std::size_t last_row_end = reader.position();
  const auto restart = [&] {
    machine.start_sequence();
    rows = 0;
    sparse = false;
    sequence = {.first_mark = static_cast<std::uint32_t>(marks_.size())};
  };
  restart();
  while (reader.ok() && !reader.at_end()) {
    const LineMachine::Event event = machine.step();
    if (event == LineMachine::Event::kNone || !reader.ok()) {
      continue;
    }
    const LineRow& row = machine.row();
    sparse |= reader.position() - last_row_end > kMostBytesPerRow;
    last_row_end = reader.position();
    if (event == LineMachine::Event::kRow) {
      if (rows == 0) {
        sequence.low = row.address;
      }
      if (rows % kStride == 0) {
        const auto program = static_cast<std::uint32_t>(reader.position() - header_.program());
        marks_.push_back({row.address, program, row.file, row.line});
      }
      ++rows;
      continue;
    }
    sequence.high = row.address;
    sequence.marks = static_cast<std::uint32_t>(marks_.size()) - sequence.first_mark;
    if (rows != 0 && !sparse && sequence.low < sequence.high && code.holds(sequence.low)) {
      sequences_.push_back(sequence);
    } else {
      marks_.resize(sequence.first_mark);
    }
    restart();
  }
  marks_.resize(sequence.first_mark);
  if (!reader.ok()) {
    unit.sections().own->report("a line program cut short", *unit.line_offset(), SectionId::kLine);
  }
}

std::optional<LineRow> LineTable::find(const Unit& unit, std::uint64_t address) const {
  const auto after = std::ranges::upper_bound(sequences_, address, {}, &Sequence::low);
  auto index = static_cast<std::size_t>(after - sequences_.begin());
  const Sequence* found = nullptr;
  for (unsigned tries = 0; index > 0 && tries < kMostOverlaps && highest_[index - 1] > address; ++tries) {
    --index;
    if (address < sequences_[index].high) {
      found = &sequences_[index];
      break;
    }
  }
  if (found == nullptr) {
    return std::nullopt;
  }
  const auto first = marks_.begin() + found->first_mark;
  const auto mark = std::prev(std::upper_bound(first + 1, first + found->marks, address,
                                               [](std::uint64_t a, const Mark& m) { return a < m.address; }));

  const ByteView section = unit.sections().own->get(SectionId::kLine);
  ByteReader reader(section.first(static_cast<std::size_t>(header_.program_end())));
  reader.seek(header_.program() + mark->program);
  LineRow row{mark->address, mark->file, mark->line};
  LineMachine machine(header_, reader, row);
  while (true) {
    const LineMachine::Event event = machine.step();
    if (!reader.ok() || event == LineMachine::Event::kEndSequence) {
      break;
    }
    if (event == LineMachine::Event::kRow) {
      if (machine.row().address > address) {
        break;
      }
      row = machine.row();
    }
  }
  return row;
}

std::uint64_t LineTable::memory_bytes() const {
  return header_.memory_bytes() + sequences_.capacity() * sizeof(Sequence) + highest_.capacity() * 8 +
         marks_.capacity() * sizeof(Mark);
}

}  // namespace stoker::symbolize::dwarf
