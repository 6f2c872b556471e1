#include "unwind/table_builder.h"

#include <algorithm>
#include <numeric>

#include "unwind/aarch64/encode.h"
#include "unwind/cfi_program.h"
#include "unwind/cfi_sources.h"
#include "unwind/fde_index.h"
#include "unwind/gaps.h"
#include "unwind/go_pcsp.h"
#include "unwind/sframe.h"
#include "unwind/x86_64/encode.h"

namespace stoker::unwind {
namespace {

// More executable segments than any linker makes; each costs a pass over the file's frame sections.
constexpr std::size_t kMostSegments = 16;
constexpr std::uint64_t kLargestSegment = (std::uint64_t{1} << 32) - (std::uint64_t{1} << 17);
constexpr std::uint64_t kTableAlignment = std::uint64_t{1} << 16;

struct X86 {
  using State = X86State;
  static constexpr std::uint32_t kSp = x86_64::kRsp;
  static constexpr std::uint32_t kFp = x86_64::kRbp;
  static unwind_row encode(const State& state, const CfiSection& section, const Cie& cie) {
    return x86_64::encode(state, section.bytes, cie.signal_frame);
  }
};

struct Arm {
  using State = ArmState;
  static constexpr std::uint32_t kSp = aarch64::kSp;
  static constexpr std::uint32_t kFp = aarch64::kFp;
  static unwind_row encode(const State& state, const CfiSection& section, const Cie& cie) {
    return aarch64::encode(state, section.bytes, cie.signal_frame);
  }
};

unwind_row unsupported() {
  unwind_row row{};
  row.rule = UNWIND_UNSUPPORTED;
  return row;
}

unwind_row root(int offset = 0) {
  unwind_row row{};
  row.rule = UNWIND_END;
  row.offset = static_cast<s16>(offset);
  return row;
}

// Runs the FDEs of one section. Keeps each CIE's initial state.
template <typename Arch>
class FdeRunner {
 public:
  using State = typename Arch::State;

  FdeRunner(CfiReader& reader, BuildStats& stats) : reader_(reader), stats_(stats) {}

  // Appends the rows of [start, stop), which is the FDE's range or its front part.
  void run(const IndexedFde& entry, std::uint64_t start, std::uint64_t stop, RowAppender& out) {
    const auto fde = program_of(entry);
    const Initial* initial = fde ? initial_state(fde->cie) : nullptr;
    if (initial == nullptr || !initial->good) {
      ++stats_.malformed;
      append(start, unsupported(), out);
      return;
    }
    ++stats_.functions;
    const Cie& cie = reader_.cie(fde->cie);
    const CfiSection& section = reader_.section();
    State state = initial->state;
    state.registers_touched = true;
    remembered_.clear();
    const ProgramInput<State> input{section, cie, initial->state, remembered_};
    const auto emit = [&](std::uint64_t from, std::uint64_t /*to*/, State& row) {
      append(from, encode(row, section, cie), out);
    };
    const ProgramEnd end = run_program(input, fde->range, start, stop, state, emit);
    if (end.ending == ProgramEnding::kMalformed) {
      ++stats_.malformed;
      append(end.location, unsupported(), out);
    } else {
      append(end.location, encode(state, section, cie), out);
    }
  }

 private:
  struct Initial {
    bool known = false;
    bool good = false;
    State state;
  };

  struct Program {
    std::uint32_t cie;
    ProgramRange range;
  };
  std::optional<Program> program_of(const IndexedFde& entry) {
    if (entry.program == 0) {
      const auto fde = reader_.fde_at(entry.offset);
      return fde ? std::optional(Program{fde->cie, fde->program}) : std::nullopt;
    }
    // The index has read it: only its end is left to be read, from its length of 4 bytes.
    ByteReader reader(reader_.section().bytes);
    reader.seek(entry.offset);
    const std::uint32_t length = reader.u32();
    return Program{entry.cie,
                   {entry.offset + entry.program, entry.offset + std::uint32_t{sizeof(length)} + length}};
  }

  const Initial* initial_state(std::uint32_t index) {
    if (initials_.size() <= index) {
      initials_.resize(index + std::size_t{1});
    }
    Initial& initial = initials_[index];
    if (!initial.known) {
      initial.known = true;
      remembered_.clear();
      const Cie& cie = reader_.cie(index);
      const State nothing{};
      const ProgramInput<State> input{reader_.section(), cie, nothing, remembered_};
      const auto ignore = [](std::uint64_t, std::uint64_t, const State&) {};
      const ProgramEnd end = run_program(input, cie.program, 0, 1, initial.state, ignore);
      initial.good = end.ending == ProgramEnding::kDone;
    }
    return &initial;
  }

  // Where only the CFA has changed since the row before, only that is encoded anew.
  unwind_row encode(State& state, const CfiSection& section, const Cie& cie) {
    const CfaRule& cfa = state.cfa;
    const unwind_rule rule = cfa.reg == Arch::kSp ? UNWIND_RSP : UNWIND_RBP;
    const bool simple = cfa.kind == CfaKind::kRegister && (cfa.reg == Arch::kSp || cfa.reg == Arch::kFp) &&
                        cfa.offset % 8 == 0 && cfa.offset >= 0 && cfa.offset < 8 * (1 << 15);
    if (!state.registers_touched && simple && last_.rbp != UNWIND_LOST &&
        (last_.rule == UNWIND_RSP || last_.rule == UNWIND_RBP)) {
      last_.rule = static_cast<u8>(rule);
      last_.offset = static_cast<s16>(cfa.offset / 8);
    } else {
      last_ = Arch::encode(state, section, cie);
      state.registers_touched = false;
    }
    return last_;
  }

  void append(std::uint64_t address, const unwind_row& row, RowAppender& out) {
    stats_.unsupported_rows += row.rule == UNWIND_UNSUPPORTED ? 1 : 0;
    out.append(address, row);
  }

  CfiReader& reader_;
  BuildStats& stats_;
  std::vector<Initial> initials_;
  unwind_row last_{};
  StateStack<State> remembered_;
};

// Functions between two returns of the file's pages: a look at a function's code brings 64 KiB around it in, and all
// looks together the whole of a large file.
constexpr std::size_t kFunctionsBetweenDrops = 8192;

// A row costs two bytes of instructions at the least and about six in practice.
std::size_t expected_rows(const CfiSources& sources, const BuildLimits& limits) {
  return std::min((sources.eh_frame.bytes.size() + sources.debug_frame.bytes.size()) / 4 + 64, limits.rows);
}

template <typename Function>
std::vector<IndexedFde> index_functions(const std::vector<Function>& functions, RowSource source,
                                        elf::ElfAddress base) {
  std::vector<IndexedFde> entries;
  entries.reserve(functions.size());
  for (const Function& function : functions) {
    entries.push_back({.start = static_cast<std::uint32_t>(function.start - base.value),
                       .end = static_cast<std::uint32_t>(function.end - base.value),
                       .offset = static_cast<std::uint32_t>(entries.size()),
                       .source = source});
  }
  return entries;
}

template <typename Arch>
Result<UnwindTable> build_segment(const elf::ElfFile& file, const elf::Segment& segment,
                                  const CfiSources& sources, const GoPcsp* go, const BuildLimits& limits,
                                  BuildStats& stats) {
  const elf::ElfAddress base{segment.address.value & ~(kTableAlignment - 1)};
  const elf::ElfAddress limit{segment.address.value + segment.size};
  CfiReader eh_frame(sources.eh_frame);
  CfiReader debug_frame(sources.debug_frame);
  std::vector<IndexedFde> fdes = index_fdes(eh_frame, base, segment.address, limit, stats);
  fdes = fill_gaps(std::move(fdes), index_fdes(debug_frame, base, segment.address, limit, stats));

  const auto sframe = Sframe::open(file);
  std::vector<Sframe::Function> sframe_functions;
  if (sframe) {
    sframe_functions = sframe->functions(segment.address.value, limit.value);
    fdes = fill_gaps(std::move(fdes), index_functions(sframe_functions, RowSource::kSframe, base));
  }
  std::vector<GoPcsp::Function> go_functions;
  if (go != nullptr) {
    go_functions = go->functions(segment.address.value, limit.value);
    fdes = fill_gaps(index_functions(go_functions, RowSource::kGo, base), fdes);
    stats.functions += go_functions.size();
  }

  const GapRules gaps(file, segment);
  RowAppender rows(base, limit, expected_rows(sources, limits));
  FdeRunner<Arch> eh_runner(eh_frame, stats);
  FdeRunner<Arch> debug_runner(debug_frame, stats);
  std::uint64_t done = segment.address.value;
  std::size_t looked_at = 0;
  for (const IndexedFde& fde : fdes) {
    if (++looked_at % kFunctionsBetweenDrops == 0) {
      file.drop_pages();
    }
    const std::uint64_t start = base.value + fde.start;
    const std::uint64_t stop = base.value + fde.end;
    if (gaps.is_context_start(start, stop)) {
      // Callers are looked up one byte before their return address.
      const std::uint64_t from = std::max(done, start - 1);
      gaps.fill(done, from, false, rows);
      rows.append(from, root(UNWIND_END_AT_START));
      rows.append(start, root());
      done = stop;
      continue;
    }
    gaps.fill(done, start, done != segment.address.value, rows);
    if (fde.source == RowSource::kGo) {
      go->append(go_functions[fde.offset], start, stop, rows);
    } else if (fde.source == RowSource::kSframe) {
      sframe->append(sframe_functions[fde.offset], start, stop, rows);
    } else {
      (fde.source == RowSource::kDebugFrame ? debug_runner : eh_runner).run(fde, start, stop, rows);
    }
    done = stop;
    if (rows.rows() > limits.rows) {
      return make_error("cannot build the unwind table of " + file.name(), "it has too many rows");
    }
  }
  gaps.fill(done, limit.value, done != segment.address.value, rows);
  return std::move(rows).finish();
}

template <typename Arch>
Result<UnwindTables> build(const elf::ElfFile& file, const BuildLimits& limits) {
  UnwindTables tables;
  const CfiSources sources = find_cfi(file);
  const auto go = GoPcsp::open(file);
  for (const elf::Segment& stated : file.executable_segments()) {
    elf::Segment segment = stated;
    if (segment.offset.value >= file.bytes().size() || segment.address.value > ~kLargestSegment) {
      continue;
    }
    segment.size = std::min({segment.size, file.bytes().size() - segment.offset.value, kLargestSegment});
    if (segment.size == 0 || tables.segments.size() == kMostSegments) {
      continue;
    }
    auto table = build_segment<Arch>(file, segment, sources, go ? &*go : nullptr, limits, tables.stats);
    if (!table) {
      return std::unexpected(table.error());
    }
    tables.segments.push_back(*std::move(table));
  }
  std::ranges::sort(tables.segments, {}, &UnwindTable::end);
  return tables;
}

}  // namespace

const UnwindTable* UnwindTables::find(elf::ElfAddress address) const {
  for (const UnwindTable& table : segments) {
    if (address >= table.start() && address < table.end()) {
      return &table;
    }
  }
  return nullptr;
}

std::size_t UnwindTables::bytes() const {
  return std::accumulate(segments.begin(), segments.end(), std::size_t{0},
                         [](std::size_t sum, const UnwindTable& table) { return sum + table.bytes(); });
}

Result<UnwindTables> build_tables(const elf::ElfFile& file, const BuildLimits& limits) {
  switch (file.machine()) {
    case elf::Machine::kX86_64:
      return build<X86>(file, limits);
    case elf::Machine::kAarch64:
      return build<Arm>(file, limits);
  }
  return make_error("cannot build the unwind table of " + file.name(), "its machine is not supported");
}

}  // namespace stoker::unwind
