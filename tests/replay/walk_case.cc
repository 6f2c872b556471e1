#include "tests/replay/walk_case.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <optional>
#include <span>

#include "bpf/shared/stats.h"

namespace stoker::replay {
namespace {

constexpr std::string_view kFirstLine = "stoker walk case 1";
// Of a whole case; those that are committed have a few KiB.
constexpr std::size_t kLargestText = 4 << 20;
constexpr std::size_t kBytesPerLine = 32;
constexpr std::uint64_t kLargestTable = std::uint64_t{1} << 31;
// In memory that the case does not list: an address in no process, and no plausible size.
constexpr std::byte kUnlisted{0xa5};

constexpr std::array<std::string_view, UNWIND_RULE_COUNT> kRules = {
    "none",      "unsupported", "end",    "rsp",     "rbp",       "frame-pointer", "rsp-wide",
    "rbp-wide",  "reg",         "signal", "context", "drap",      "reg-drap",      "deref-rsp",
    "deref-rbp", "deref-r9",    "plt",    "jump",    "go-switch", "goroutine"};
constexpr std::array<std::string_view, 17> kX86Registers = {"rax", "rdx", "rcx", "rbx", "rsi", "rdi",
                                                            "rbp", "rsp", "r8",  "r9",  "r10", "r11",
                                                            "r12", "r13", "r14", "r15", "rip"};
constexpr std::array<std::string_view, 5> kKinds = {"pending", "table", "frame-pointer", "index", "none"};

constexpr std::array<std::string_view, STAT_COUNT> kEnds = {
#define STAT(name, kind, sentence) #name,
#include "bpf/shared/stats.def"
#undef STAT
};
constexpr std::array<std::string_view, STAT_COUNT> kStatKinds = {
#define STAT(name, kind, sentence) #kind,
#include "bpf/shared/stats.def"
#undef STAT
};

std::string register_name(elf::Machine machine, unsigned number) {
  if (machine == elf::Machine::kX86_64) {
    return std::string(kX86Registers[number]);
  }
  return number == 31 ? "sp" : number == 32 ? "pc" : fmt::format("x{}", number);
}

unsigned register_count(elf::Machine machine) {
  return unwind::register_names(machine).pc + 1;
}

std::string end_name(std::uint8_t end) {
  return end == 0 ? "root" : std::string(kEnds[end]);
}

// The words of a line, one after the other. Once one is missing or wrong, ok() is false.
class Words {
 public:
  explicit Words(std::string_view line) : rest_(line) {}

  bool ok() const { return ok_; }
  bool at_end() const { return rest_.empty(); }
  std::string_view rest() { return std::exchange(rest_, {}); }

  std::string_view next() {
    const auto space = rest_.find(' ');
    const std::string_view word = rest_.substr(0, space);
    rest_ = space == std::string_view::npos ? std::string_view() : rest_.substr(space + 1);
    ok_ = ok_ && !word.empty();
    return word;
  }
  std::uint64_t hex() { return number<std::uint64_t>(next(), 16); }
  int decimal() { return number<int>(next(), 10); }
  std::uint8_t byte() { return number<std::uint8_t>(next(), 16); }
  // "from-to", from below to.
  std::pair<std::uint64_t, std::uint64_t> range() {
    const std::string_view word = next();
    const auto dash = word.find('-');
    if (dash == std::string_view::npos) {
      ok_ = false;
      return {};
    }
    const auto from = number<std::uint64_t>(word.substr(0, dash), 16);
    const auto to = number<std::uint64_t>(word.substr(dash + 1), 16);
    ok_ = ok_ && from < to;
    return {from, to};
  }
  // The index of the next word among names.
  std::size_t one_of(std::span<const std::string_view> names) {
    const auto found = std::ranges::find(names, next());
    ok_ = ok_ && found != names.end();
    return ok_ ? static_cast<std::size_t>(found - names.begin()) : 0;
  }
  void fail() { ok_ = false; }

 private:
  template <typename T>
  T number(std::string_view word, int base) {
    T value{};
    const char* const end = word.data() + word.size();
    const auto read = std::from_chars(word.data(), end, value, base);
    ok_ = ok_ && read.ec == std::errc{} && read.ptr == end;
    return ok_ ? value : T{};
  }

  std::string_view rest_;
  bool ok_ = true;
};

class Parser {
 public:
  Result<WalkCase> run(std::string_view text) {
    if (text.size() > kLargestText || !text.starts_with(kFirstLine)) {
      return make_error("cannot read the walk case", "it does not begin with \"stoker walk case 1\"");
    }
    unsigned number = 0;
    while (!text.empty()) {
      ++number;
      const auto end = text.find('\n');
      const std::string_view line = text.substr(0, end);
      text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
      if (number > 1 && !line.empty() && line[0] != '#' && !take(Words(line))) {
        return make_error(fmt::format("cannot read line {} of the walk case", number),
                          "it is malformed or contradicts a line before");
      }
    }
    const std::uint64_t all = (std::uint64_t{1} << register_count(case_.machine)) - 1;
    if (case_.frames.empty() || case_.registers.known != all) {
      return make_error("cannot read the walk case", "registers or frames are missing");
    }
    return std::move(case_);
  }

 private:
  bool take(Words words) {
    const std::string_view key = words.next();
    if (key == "about") {
      case_.about = words.rest();
    } else if (key == "machine") {
      static constexpr std::array<std::string_view, 2> kMachines = {"x86_64", "aarch64"};
      case_.machine = words.one_of(kMachines) == 0 ? elf::Machine::kX86_64 : elf::Machine::kAarch64;
    } else if (key == "registers") {
      registers(words);
    } else if (key == "table") {
      table(words);
    } else if (key == "row") {
      row(words);
    } else if (key == "mapping") {
      mapping(words);
    } else if (key == "readable") {
      const auto range = words.range();
      in_order(case_.readable.empty() ? 0 : case_.readable.back().second, range.first, words);
      if (range.first % 4096 != 0 || range.second % 4096 != 0) {
        words.fail();
      }
      case_.readable.push_back(range);
    } else if (key == "words") {
      for (std::uint64_t at = words.hex(); words.ok() && !words.at_end(); at += 8) {
        const std::uint64_t value = words.hex();
        for (unsigned i = 0; i < 8; ++i) {
          case_.memory[at + i] = static_cast<std::byte>(value >> (8 * i));
        }
      }
    } else if (key == "bytes") {
      for (std::uint64_t at = words.hex(); words.ok() && !words.at_end(); ++at) {
        case_.memory[at] = static_cast<std::byte>(words.byte());
      }
    } else if (key == "frame") {
      const std::uint64_t pc = words.hex();
      const bool exact = words.next() == "exact";
      case_.frames.push_back({exact ? pc | FRAME_EXACT : pc, std::string(words.rest())});
    } else if (key == "end") {
      end(words.next(), words);
    } else {
      words.fail();
    }
    return words.ok() && words.at_end();
  }

  static void in_order(std::uint64_t before, std::uint64_t next, Words& words) {
    if (next < before) {
      words.fail();
    }
  }

  void registers(Words& words) {
    while (words.ok() && !words.at_end()) {
      const std::string_view name = words.next();
      const std::uint64_t value = words.hex();
      if (name == "thread-pointer") {
        case_.registers.thread_pointer = value;
        continue;
      }
      unsigned number = 0;
      while (number < register_count(case_.machine) && register_name(case_.machine, number) != name) {
        ++number;
      }
      if (number == register_count(case_.machine)) {
        words.fail();
        return;
      }
      case_.registers.set(number, value);
    }
  }

  void table(Words& words) {
    CaseTable table;
    table.name = words.next();
    std::tie(table.start, table.end) = words.range();
    const auto same_name = [&](const CaseTable& other) { return other.name == table.name; };
    if (table.end - table.start > kLargestTable || std::ranges::any_of(case_.tables, same_name)) {
      words.fail();
    }
    case_.tables.push_back(std::move(table));
  }

  void row(Words& words) {
    if (case_.tables.empty()) {
      words.fail();
      return;
    }
    CaseTable& table = case_.tables.back();
    CaseTable::Row row;
    std::tie(row.from, row.to) = words.range();
    row.row.rule = static_cast<u8>(words.one_of(kRules));
    row.row.offset = static_cast<s16>(words.decimal());
    row.row.rbp = words.byte();
    row.row.rbx = words.byte();
    row.row.r12_r15 = words.byte();
    in_order(table.rows.empty() ? table.start : table.rows.back().to, row.from, words);
    in_order(row.to, table.end, words);
    table.rows.push_back(row);
  }

  void mapping(Words& words) {
    CaseMapping mapping;
    std::tie(mapping.start, mapping.end) = words.range();
    mapping.kind = static_cast<map_kind>(words.one_of(kKinds));
    if (mapping.kind == MAP_TABLE) {
      mapping.table = words.next();
      mapping.bias = words.hex();
      if (std::ranges::find(case_.tables, mapping.table, &CaseTable::name) == case_.tables.end()) {
        words.fail();
      }
    }
    if (mapping.kind == MAP_INDEX) {
      words.fail();
    }
    in_order(case_.mappings.empty() ? 0 : case_.mappings.back().end, mapping.start, words);
    case_.mappings.push_back(std::move(mapping));
  }

  void end(std::string_view name, Words& words) {
    const auto found = std::ranges::find(kEnds, name);
    const auto number = static_cast<std::size_t>(found - kEnds.begin());
    if (name == "root") {
      case_.end = 0;
    } else if (found != kEnds.end() && kStatKinds[number] == "CUT") {
      case_.end = static_cast<std::uint8_t>(number);
    } else {
      words.fail();
    }
  }

  WalkCase case_;
};

// Whole words where all eight bytes of an aligned one are there, else single bytes.
void format_memory(const std::map<std::uint64_t, std::byte>& memory, std::string& out) {
  const auto word_at = [&](std::uint64_t at) -> std::optional<std::uint64_t> {
    std::uint64_t value = 0;
    for (unsigned i = 0; i < 8; ++i) {
      const auto byte = memory.find(at + i);
      if (at % 8 != 0 || byte == memory.end()) {
        return std::nullopt;
      }
      value |= std::to_integer<std::uint64_t>(byte->second) << (8 * i);
    }
    return value;
  };
  auto next = memory.begin();
  while (next != memory.end()) {
    std::uint64_t at = next->first;
    const std::uint64_t line_end = at + kBytesPerLine;
    if (word_at(at)) {
      out += fmt::format("words {:x}", at);
      for (auto word = word_at(at); word && at < line_end; word = word_at(at)) {
        out += fmt::format(" {:x}", *word);
        at += 8;
      }
    } else {
      out += fmt::format("bytes {:x}", at);
      for (auto byte = memory.find(at); byte != memory.end() && at < line_end; byte = memory.find(++at)) {
        out += fmt::format(" {:02x}", std::to_integer<unsigned>(byte->second));
      }
    }
    out += '\n';
    next = memory.lower_bound(at);
  }
}

}  // namespace

Walked WalkCase::truth() const {
  Walked walked;
  std::ranges::transform(frames, std::back_inserter(walked.frames), &CaseFrame::pc);
  walked.end = end;
  return walked;
}

Result<WalkCase> parse_case(std::string_view text) {
  return Parser().run(text);
}

std::string format_case(const WalkCase& one) {
  const bool x86 = one.machine == elf::Machine::kX86_64;
  std::string out =
      fmt::format("{}\nabout {}\nmachine {}\n", kFirstLine, one.about, x86 ? "x86_64" : "aarch64");
  const unsigned count = register_count(one.machine);
  for (unsigned i = 0; i < count; ++i) {
    out += fmt::format("{}{} {:x}{}", i % 4 == 0 ? "registers " : "", register_name(one.machine, i),
                       one.registers.values[i], i % 4 == 3 || i + 1 == count ? "\n" : " ");
  }
  out += fmt::format("registers thread-pointer {:x}\n", one.registers.thread_pointer);
  out += x86 ? "# row from-to rule offset rbp rbx r12-r15\n" : "# row from-to rule offset x29 x30 flags\n";
  for (const CaseTable& table : one.tables) {
    out += fmt::format("table {} {:x}-{:x}\n", table.name, table.start, table.end);
    for (const auto& [from, to, row] : table.rows) {
      out += fmt::format("row {:x}-{:x} {} {} {:x} {:x} {:x}\n", from, to, kRules[row.rule], row.offset,
                         row.rbp, row.rbx, row.r12_r15);
    }
  }
  for (const CaseMapping& mapping : one.mappings) {
    out += fmt::format("mapping {:x}-{:x} {}", mapping.start, mapping.end, kKinds[mapping.kind]);
    out += mapping.kind == MAP_TABLE ? fmt::format(" {} {:x}\n", mapping.table, mapping.bias) : "\n";
  }
  for (const auto& [start, end] : one.readable) {
    out += fmt::format("readable {:x}-{:x}\n", start, end);
  }
  format_memory(one.memory, out);
  for (const CaseFrame& frame : one.frames) {
    out += fmt::format("frame {:x} {}", frame.pc & ~FRAME_EXACT, frame.pc & FRAME_EXACT ? "exact" : "return");
    out += frame.name.empty() ? "\n" : " " + frame.name + "\n";
  }
  return out + "end " + end_name(one.end) + "\n";
}

CaseProcess::CaseProcess(const WalkCase& one) : HostProcess(one.machine), case_(one) {
  for (const CaseTable& table : one.tables) {
    unwind::RowAppender rows({table.start}, {table.end}, table.rows.size() * 2 + 1);
    for (const CaseTable::Row& row : table.rows) {
      rows.append(row.from, row.row);
      if (row.to < table.end) {
        rows.append(row.to, unwind_row{});
      }
    }
    tables_.emplace(table.name, std::move(rows).finish());
  }
  std::vector<HostMapping> mappings;
  mappings.reserve(one.mappings.size());
  for (const CaseMapping& mapping : one.mappings) {
    const auto table = tables_.find(mapping.table);
    mappings.push_back({mapping.start, mapping.end, mapping.kind,
                        table == tables_.end() ? nullptr : &table->second, mapping.bias});
  }
  set_mappings(std::move(mappings));
}

bool CaseProcess::read(std::uint64_t address, std::span<std::byte> out) {
  const auto next =
      std::ranges::upper_bound(case_.readable, address, {}, [](const auto& range) { return range.first; });
  if (next == case_.readable.begin() || std::prev(next)->second < address ||
      std::prev(next)->second - address < out.size()) {
    return false;
  }
  std::ranges::fill(out, kUnlisted);
  for (auto byte = case_.memory.lower_bound(address);
       byte != case_.memory.end() && byte->first - address < out.size(); ++byte) {
    out[static_cast<std::size_t>(byte->first - address)] = byte->second;
  }
  return true;
}

}  // namespace stoker::replay
