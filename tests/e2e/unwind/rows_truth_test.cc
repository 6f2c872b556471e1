// Every function of real binaries: our rows in full are readelf's, what a walker makes of our rows in eight
// bytes is what the full row means, and the finished table gives that row at every address.
//
// STOKER_TRUTH_FILES, a list with colons, replaces the files (./dev uses it for the long set).

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <sstream>

#include "tests/e2e/unwind/evaluate.h"
#include "tests/e2e/unwind/readelf_rows.h"
#include "unwind/aarch64/encode.h"
#include "unwind/cfi_program.h"
#include "unwind/cfi_sources.h"
#include "unwind/table_builder.h"
#include "unwind/x86_64/encode.h"

namespace stoker::unwind::test {
namespace {

struct X86 {
  using State = X86State;
  static constexpr elf::Machine kMachine = elf::Machine::kX86_64;
  static constexpr unsigned kReturnAddress = 16;
  static constexpr unsigned kPc = 16;
  static constexpr unsigned kSp = 7;
  static inline const std::vector<unsigned> kFollowed = {3, 6, 7, 12, 13, 14, 15, 16};
  static unwind_row encode(const State& state, ByteView section, bool signal) {
    return x86_64::encode(state, section, signal);
  }
  static StepResult step(const unwind_row& row, Registers& registers, WalkSource& source) {
    return step_x86(row, registers, source, true);
  }
};

struct Arm {
  using State = ArmState;
  static constexpr elf::Machine kMachine = elf::Machine::kAarch64;
  static constexpr unsigned kReturnAddress = 30;
  static constexpr unsigned kPc = 32;
  static constexpr unsigned kSp = 31;
  static inline const std::vector<unsigned> kFollowed = {29, 31, 32};
  static unwind_row encode(const State& state, ByteView section, bool signal) {
    return aarch64::encode(state, section, signal);
  }
  static StepResult step(const unwind_row& row, Registers& registers, WalkSource& source) {
    return step_aarch64(row, registers, source, true, ~std::uint64_t{0});
  }
};

struct Counts {
  std::uint64_t functions = 0;
  std::uint64_t rows = 0;
  std::map<std::string, std::uint64_t> not_expressed;  // by kind
  std::uint64_t errors = 0;
};

std::string rule_text(RegisterRule rule) {
  std::ostringstream text;
  switch (rule.kind()) {
    case RuleKind::kUnspecified:
    case RuleKind::kUndefined:
      return "u";
    case RuleKind::kSameValue:
      return "s";
    case RuleKind::kOffset:
      text << 'c' << std::showpos << rule.value();
      return text.str();
    case RuleKind::kValOffset:
      text << 'v' << std::showpos << rule.value();
      return text.str();
    case RuleKind::kRegister:
      text << 'r' << rule.value();
      return text.str();
    case RuleKind::kExpression:
      return "exp";
    case RuleKind::kValExpression:
      return "vexp";
  }
  return "?";
}

// readelf's "rbp+16" as register number and offset.
bool same_cfa(const CfaRule& cfa, const std::string& truth) {
  if (truth == "exp") {
    return cfa.kind == CfaKind::kExpression;
  }
  const auto sign = truth.find_last_of("+-");
  return cfa.kind == CfaKind::kRegister && sign != std::string::npos &&
         dwarf_number(truth.substr(0, sign)) == static_cast<int>(cfa.reg) &&
         std::stoll(truth.substr(sign)) == cfa.offset;
}

template <typename Arch>
class Comparison {
 public:
  using State = typename Arch::State;

  Comparison(const elf::ElfFile& file, const UnwindTables& tables)
      : go_(file.find_section(".gopclntab") != nullptr), tables_(tables), sources_(find_cfi(file)) {}

  void compare(ReadelfRows& truth) {
    CfiReader eh_frame(sources_.eh_frame);
    CfiReader debug_frame(sources_.debug_frame);
    while (const auto expected = truth.next()) {
      CfiReader& reader = expected->eh_frame ? eh_frame : debug_frame;
      const auto fde = reader.next();
      if (!fde || fde->offset != expected->offset || fde->start.value != expected->start ||
          fde->start.value + fde->size != expected->end) {
        fail(expected->start) << "FDE " << std::hex << expected->offset << " of readelf is "
                              << (fde ? fde->offset : 0) << " here";
        return;
      }
      if (fde->size != 0) {
        compare(reader, *fde, *expected);
      }
    }
    EXPECT_FALSE(eh_frame.next() && sources_.eh_frame.bytes.size() > 4);
  }

  const Counts& counts() const { return counts_; }

 private:
  struct Range {
    std::uint64_t from;
    std::uint64_t to;
    State state;
  };

  std::ostream& fail(std::uint64_t address) {
    ++counts_.errors;
    if (counts_.errors <= 10) {
      ADD_FAILURE() << "at " << std::hex << address << ": see below";
    }
    return std::cerr << "\n" << std::hex << address << std::dec << ": ";
  }

  std::vector<Range> rows_of(const CfiReader& reader, const Fde& fde) {
    const Cie& cie = reader.cie(fde.cie);
    const CfiSection& section = reader.section();
    StateStack<State> remembered;
    const State nothing{};
    State initial;
    const auto ignore = [](std::uint64_t, std::uint64_t, const State&) {};
    run_program(ProgramInput<State>{section, cie, nothing, remembered}, cie.program, 0, 1, initial, ignore);
    remembered.clear();
    std::vector<Range> ranges;
    State state = initial;
    const std::uint64_t stop = fde.start.value + fde.size;
    const auto end = run_program(
        ProgramInput<State>{section, cie, initial, remembered}, fde.program, fde.start.value, stop, state,
        [&](std::uint64_t from, std::uint64_t to, const State& row) { ranges.push_back({from, to, row}); });
    if (end.ending ==
        ProgramEnding::kMalformed) {  // clang's programs may advance to their function's very end
      fail(fde.start.value) << "the program of FDE " << fde.offset << " went wrong";
    }
    ranges.push_back({end.location, stop, state});
    return ranges;
  }

  void compare(const CfiReader& reader, const Fde& fde, const TruthFde& expected) {
    ++counts_.functions;
    const std::vector<Range> ranges = rows_of(reader, fde);
    counts_.rows += ranges.size();
    std::size_t ours = 0;
    for (const TruthRow& row : expected.rows) {
      while (ours + 1 < ranges.size() && ranges[ours].to <= row.location) {
        ++ours;
      }
      if (row.location < expected.end) {
        compare_full(ranges[ours].state, row);
      }
    }
    std::size_t theirs = 0;
    for (const Range& range : ranges) {
      while (theirs + 1 < expected.rows.size() && expected.rows[theirs + 1].location <= range.from) {
        ++theirs;
      }
      if (!expected.rows.empty()) {
        compare_full(range.state, expected.rows[theirs]);
      }
      compare_compact(reader, fde, range);
    }
  }

  void compare_full(const State& state, const TruthRow& row) {
    bool equal = same_cfa(state.cfa, row.cfa);
    for (unsigned i = 0; i < State::kCount; ++i) {
      const auto column = row.registers.find(i);
      std::string expected = column == row.registers.end() ? "u" : column->second;
      expected = expected.substr(0, expected.find('('));
      equal = equal && rule_text(state.registers[i]) == expected;
    }
    if (!equal) {
      fail(row.location) << "readelf " << row.cfa << ", here register " << state.cfa.reg << std::showpos
                         << state.cfa.offset;
      for (unsigned i = 0; i < State::kCount; ++i) {
        std::cerr << " " << i << "=" << rule_text(state.registers[i]);
      }
    }
  }

  void compare_compact(const CfiReader& reader, const Fde& fde, const Range& range) {
    const ByteView section = reader.section().bytes;
    const bool signal = reader.cie(fde.cie).signal_frame;
    const unwind_row row = Arch::encode(range.state, section, signal);
    compare_table(row, range, reader.section().kind);
    const bool undefined = range.state.registers[Arch::kReturnAddress].kind() == RuleKind::kUndefined;
    if (undefined || row.rule == UNWIND_END) {
      if (!undefined || row.rule != UNWIND_END) {
        fail(range.from) << "root or not?";
      }
      return;
    }
    if (row.rule == UNWIND_UNSUPPORTED) {
      ++counts_.not_expressed[range.state.cfa.kind == CfaKind::kExpression ? "CFA expression" : "other rule"];
      return;
    }
    if (signal && Arch::kMachine == elf::Machine::kAarch64) {
      return;  // leads to the ucontext, which says more than the CFI
    }
    Registers before = MadeUpProcess::registers(Arch::kMachine);
    if (row.rule == UNWIND_DEREF_R9) {
      before.set(x86_64::kR9, 37);  // an index, not an address
    }
    const auto expected =
        evaluate_row(range.state, section, before, Arch::kSp, Arch::kReturnAddress, Arch::kPc);
    MadeUpProcess process;
    Registers registers = before;
    const StepResult result = Arch::step(row, registers, process);
    const bool interrupted = result.step == Step::kInterrupted;
    if (result.step == Step::kEnd && result.end == WalkEnd::kCutNoProgress && go_) {
      ++counts_.not_expressed["CFA below the stack pointer"];  // assembly that runs on another stack
      return;
    }
    if (!expected || result.step == Step::kEnd || interrupted != signal) {
      fail(range.from) << "rule " << int{row.rule} << " ends the walk: " << to_string(result.end);
      return;
    }
    for (const unsigned number : Arch::kFollowed) {
      if (!registers.has(number)) {
        counts_.not_expressed["register " + std::to_string(number)] += expected->has(number) ? 1 : 0;
      } else if (!expected->has(number) || registers.values[number] != expected->values[number]) {
        fail(range.from) << "rule " << int{row.rule} << " gives register " << number << " = " << std::hex
                         << registers.values[number] << ", the row " << expected->values[number];
      }
    }
  }

  // At the first and last byte of the range and in its middle. FDEs that overlap others are not looked at:
  // readelf prints both.
  void compare_table(unwind_row row, const Range& range, CfiKind kind) {
    if (kind == CfiKind::kDebugFrame && !sources_.eh_frame.bytes.empty()) {
      return;
    }
    row.address = 0;
    if (go_) {
      compare_go(row, range);
      return;
    }
    for (const std::uint64_t at : {range.from, range.from + (range.to - range.from) / 2, range.to - 1}) {
      const UnwindTable* table = tables_.find({at});
      auto found = table == nullptr ? std::nullopt : table->find({at});
      if (found) {
        found->address = 0;
      }
      if (found && found->rule == UNWIND_END && row.rule == UNWIND_RSP) {
        ++counts_.not_expressed["(a root that its CFI does not call one)"];
      } else if (!found || std::memcmp(&*found, &row, sizeof(row)) != 0) {
        fail(at) << "the table has another row: rule " << (found ? found->rule : 0) << " for "
                 << int{row.rule};
      }
    }
  }

  // Go's tables are made from pclntab: where they and .debug_frame both name a frame, it is the same.
  void compare_go(unwind_row row, const Range& range) {
    const UnwindTable* table = tables_.find({range.from});
    const auto found = table == nullptr ? std::nullopt : table->find({range.from});
    if (!found) {
      fail(range.from) << "no table row";
    } else if (found->rule == UNWIND_RSP && row.rule == UNWIND_RSP) {
      ++counts_.not_expressed["(compared with pclntab)"];
      if (found->offset != row.offset) {
        fail(range.from) << "pclntab says " << found->offset << " words, .debug_frame " << row.offset;
      }
    } else {
      ++counts_.not_expressed["(pclntab has rule " + std::to_string(found->rule) + ")"];
    }
  }

  const bool go_;
  const UnwindTables& tables_;
  CfiSources sources_;
  Counts counts_;
};

std::vector<std::string> files() {
  std::vector<std::string> all;
  if (const char* given = std::getenv("STOKER_TRUTH_FILES")) {
    std::istringstream list(given);
    for (std::string file; std::getline(list, file, ':');) {
      all.push_back(file);
    }
    return all;
  }
  const std::string libraries = "/usr/lib/x86_64-linux-gnu/";
  for (const std::string& file :
       {libraries + "libc.so.6", libraries + "libstdc++.so.6", libraries + "libcrypto.so.3",
        libraries + "libmvec.so.1", std::string("/lib64/ld-linux-x86-64.so.2"),
        std::string("/usr/bin/python3.11"), std::string("/usr/lib/llvm-19/bin/clang"),
        // A Go program of this build; Go's own tools are stripped of what readelf could read.
        (std::filesystem::canonical("/proc/self/exe").parent_path() / "pyroscope_judge").string(),
        (std::filesystem::canonical("/proc/self/exe").parent_path() / "targets/rust_panic").string(),
        std::string("/proc/self/exe")}) {
    if (std::filesystem::exists(file)) {
      all.push_back(file);
    }
  }
  return all;
}

class Rows : public testing::TestWithParam<std::string> {};

template <typename Arch>
void compare_file(const elf::ElfFile& file, const std::string& path) {
  const auto tables = build_tables(file);
  ASSERT_TRUE(tables.has_value()) << tables.error().message();
  ReadelfRows truth(path);
  Comparison<Arch> comparison(file, *tables);
  comparison.compare(truth);
  const Counts& counts = comparison.counts();
  std::cout << path << ": " << counts.functions << " functions, " << counts.rows << " rows equal readelf's; "
            << counts.errors << " errors;";
  for (const auto& [kind, count] : counts.not_expressed) {
    std::cout << " " << count << " × " << kind << " not expressed in eight bytes;";
  }
  std::cout << std::endl;
  EXPECT_EQ(counts.errors, 0U);
  EXPECT_GT(counts.rows, 0U);
}

TEST_P(Rows, EqualReadelfAtEveryAddress) {
  const std::string path = std::filesystem::canonical(GetParam()).string();
  const auto file = elf::ElfFile::open(path);
  ASSERT_TRUE(file.has_value()) << file.error().message();
  if (file->machine() == elf::Machine::kAarch64) {
    compare_file<Arm>(*file, path);
  } else {
    compare_file<X86>(*file, path);
  }
}

INSTANTIATE_TEST_SUITE_P(Files, Rows, testing::ValuesIn(files()), [](const auto& parameter) {
  std::string name = std::filesystem::path(parameter.param).filename().string();
  for (char& c : name) {
    c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  }
  return name + "_" + std::to_string(parameter.index);
});

}  // namespace
}  // namespace stoker::unwind::test
