#include "unwind/go_pcsp.h"

#include <elf.h>

#include <algorithm>
#include <array>

#include "base/byte_reader.h"
#include "unwind/go_stack_switch.h"

namespace stoker::unwind {
namespace {

using std::string_view_literals::operator""sv;

constexpr std::uint32_t kMagic116 = 0xfffffffa;  // internal/abi/symtab.go
constexpr std::uint32_t kMagic118 = 0xfffffff0;
constexpr std::uint32_t kMagic120 = 0xfffffff1;
constexpr std::uint64_t kModuleText = 176;  // offset of text in moduledata

// What Go's own unwinder stops at or treats apart (runtime/traceback.go, abi.FuncID).
constexpr std::array kRoots = {"runtime.goexit"sv, "runtime.mstart"sv,   "runtime.rt0_go"sv,
                               "_rt0_amd64"sv,     "_rt0_amd64_linux"sv, "runtime.mstart1"sv};
constexpr std::array kSignalReturns = {"runtime.sigreturn__sigaction"sv, "runtime.sigreturn"sv};
constexpr auto kSystemstack = "runtime.systemstack"sv;

std::uint64_t word_at(ByteView bytes, std::uint64_t offset, unsigned width) {
  ByteReader reader(slice(bytes, offset, width));
  return reader.sized(width);
}

ByteView rest(ByteView bytes, std::uint64_t offset) {
  return offset <= bytes.size() ? bytes.subspan(static_cast<std::size_t>(offset)) : ByteView{};
}

// Bytes of the file at an address, to the end of its segment.
ByteView loaded(const elf::ElfFile& file, std::uint64_t address) {
  for (const elf::ProgramHeader& header : file.program_headers()) {
    if (header.type == PT_LOAD && address >= header.address.value &&
        address - header.address.value < header.file_size) {
      return rest(file.raw(header), address - header.address.value);
    }
  }
  return {};
}

unwind_row row_of(unwind_rule rule, std::int64_t offset = 0) {
  unwind_row row{};
  row.rule = static_cast<u8>(rule);
  row.offset = static_cast<s16>(offset);
  return row;
}

// A frame of size bytes. Go keeps no registers over calls but rbp, in the word under the return address.
unwind_row frame_row(std::int64_t size, bool saves_rbp) {
  if (size < 0 || size % 8 != 0) {
    return row_of(UNWIND_UNSUPPORTED);
  }
  unwind_row row;
  if (size + 8 < 8 * (1 << 15)) {
    row = row_of(UNWIND_RSP, (size + 8) / 8);
  } else if (size + 8 < 1 << 23) {
    row = row_of(UNWIND_RSP_WIDE, (size + 8) & 0xffff);
    row.r12_r15 = static_cast<u8>((size + 8) >> 16);
  } else {
    return row_of(UNWIND_UNSUPPORTED);
  }
  if (size > 0) {
    row.rbp = saves_rbp ? u8{2} : u8{UNWIND_LOST};
    row.rbx = UNWIND_LOST;
    row.r12_r15 = row.rule == UNWIND_RSP ? u8{UNWIND_LOST} : row.r12_r15;
  }
  return row;
}

}  // namespace

std::optional<GoPcsp> GoPcsp::open(const elf::ElfFile& file) {
  if (file.machine() != elf::Machine::kX86_64) {
    return std::nullopt;
  }
  GoPcsp table;
  table.file_ = &file;
  for (const auto name : {".gopclntab"sv, ".data.rel.ro.gopclntab"sv}) {
    const elf::Section* section = file.find_section(name);
    if (section != nullptr && table.read_header(file.raw(*section), section->address.value)) {
      return table;
    }
  }
  if (!file.sections().empty()) {
    return std::nullopt;
  }
  for (const elf::ProgramHeader& header : file.program_headers()) {
    const ByteView bytes = header.type == PT_LOAD ? file.raw(header) : ByteView{};
    const std::string_view text = as_text(bytes);
    for (const auto magic :
         {"\xf1\xff\xff\xff\0\0\1\x08"sv, "\xf0\xff\xff\xff\0\0\1\x08"sv, "\xfa\xff\xff\xff\0\0\1\x08"sv}) {
      for (auto at = text.find(magic); at != text.npos; at = text.find(magic, at + 1)) {
        if (at % 8 == 0 && table.read_header(bytes.subspan(at), header.address.value + at)) {
          return table;
        }
      }
    }
  }
  return std::nullopt;
}

bool GoPcsp::read_header(ByteView bytes, std::uint64_t address) {
  ByteReader reader(bytes);
  const std::uint32_t magic = reader.u32();
  reader.u16();
  const std::uint8_t quantum = reader.u8();
  const std::uint8_t pointer_size = reader.u8();
  if (quantum != 1 || pointer_size != 8 || (magic != kMagic116 && magic != kMagic118 && magic != kMagic120)) {
    return false;
  }
  relative_ = magic != kMagic116;
  count_ = reader.u64();
  reader.u64();  // files
  if (relative_) {
    text_ = reader.u64();
  }
  names_ = rest(bytes, reader.u64());
  reader.u64();  // units
  reader.u64();  // file names
  values_ = rest(bytes, reader.u64());
  functions_ = rest(bytes, reader.u64());
  if (!reader.ok() || count_ == 0 || count_ >= functions_.size() / (relative_ ? 8 : 16)) {
    return false;
  }
  if (relative_ && !file_->is_code({text_})) {
    // Position-independent, or 1.26 and later: only moduledata knows.
    text_ = find_text(address);
  }
  return !relative_ || file_->is_code({text_});
}

// moduledata begins with a pointer to the table and has the text's start 176 bytes on: as words in the data, or
// as the addends of their relocations.
std::uint64_t GoPcsp::find_text(std::uint64_t address) const {
  for (const elf::Section& section : file_->sections()) {
    const ByteView bytes = file_->raw(section);
    if (section.type == SHT_RELA) {
      std::uint64_t module = 0;
      for (std::size_t at = 0; at + sizeof(Elf64_Rela) <= bytes.size(); at += sizeof(Elf64_Rela)) {
        const std::uint64_t offset = word_at(bytes, at, 8);
        const std::uint64_t addend = word_at(bytes, at + 16, 8);
        module = addend == address ? offset : module;
        if (module != 0 && offset == module + kModuleText && file_->is_code({addend})) {
          return addend;
        }
      }
    }
  }
  for (const elf::ProgramHeader& header : file_->program_headers()) {
    if (header.type != PT_LOAD || (header.flags & PF_W) == 0) {
      continue;
    }
    const ByteView bytes = file_->raw(header);
    for (std::size_t at = 0; at + kModuleText + 8 <= bytes.size(); at += 8) {
      const std::uint64_t text = word_at(bytes, at, 8) == address ? word_at(bytes, at + kModuleText, 8) : 0;
      if (text != 0 && file_->is_code({text})) {
        return text;
      }
    }
  }
  return 0;
}

GoPcsp::Function GoPcsp::function_at(std::uint64_t index) const {
  if (relative_) {
    return {text_ + word_at(functions_, index * 8, 4), text_ + word_at(functions_, index * 8 + 8, 4),
            static_cast<std::uint32_t>(word_at(functions_, index * 8 + 4, 4))};
  }
  return {word_at(functions_, index * 16, 8), word_at(functions_, index * 16 + 16, 8),
          static_cast<std::uint32_t>(word_at(functions_, index * 16 + 8, 8))};
}

std::vector<GoPcsp::Function> GoPcsp::functions(std::uint64_t start, std::uint64_t end) const {
  std::vector<Function> all;
  all.reserve(static_cast<std::size_t>(count_));
  for (std::uint64_t i = 0; i < count_; ++i) {
    const Function function = function_at(i);
    const bool rises = all.empty() || function.start >= all.back().end;
    if (function.start >= start && function.start < function.end && function.end <= end && rises) {
      all.push_back(function);
      // A signal handler returns to its first byte, and return addresses are looked up one byte before.
      const bool signal_return = std::ranges::find(kSignalReturns, name(function)) != kSignalReturns.end();
      if (signal_return && all.size() > 1 && all[all.size() - 2].end == function.start) {
        --all[all.size() - 2].end;
        --all.back().start;
      }
    }
  }
  return all;
}

std::string_view GoPcsp::name(const Function& function) const {
  ByteReader reader(names_);
  reader.seek(word_at(functions_, function.record + (relative_ ? 4U : 8U), 4));
  const std::string_view name = reader.cstr();
  return name.ends_with(".abi0"sv) ? name.substr(0, name.size() - 5) : name;
}

std::string_view GoPcsp::code_of(const Function& function) const {
  const ByteView segment = loaded(*file_, function.start);
  return as_text(segment.first(std::min<std::size_t>(function.end - function.start, segment.size())));
}

std::uint32_t GoPcsp::m_curg() const {
  for (std::uint64_t i = 0; i < count_; ++i) {
    const Function function = function_at(i);
    if (name(function) == kSystemstack) {
      return go_m_curg(code_of(function));
    }
  }
  return 0;
}

// The compiler's and assembler's prologues: push %rbp; mov %rsp,%rbp, or before Go 1.21 mov %rbp,N(%rsp).
bool GoPcsp::saves_rbp(const Function& function) const {
  constexpr std::uint64_t kLongestPrologue = 64;  // with the stack check
  const std::string_view code = code_of(function).substr(0, kLongestPrologue);
  return code.find("\x55\x48\x89\xe5"sv) != code.npos || code.find("\x48\x89\x6c\x24"sv) != code.npos ||
         code.find("\x48\x89\xac\x24"sv) != code.npos;
}

void GoPcsp::append(const Function& function, std::uint64_t from, std::uint64_t to, RowAppender& out) const {
  const std::string_view own_name = name(function);
  if (std::ranges::find(kRoots, own_name) != kRoots.end()) {
    out.append(from, row_of(UNWIND_END));
    return;
  }
  if (std::ranges::find(kSignalReturns, own_name) != kSignalReturns.end()) {
    out.append(from, row_of(UNWIND_SIGNAL, 7));
    return;
  }
  std::vector<GoSwitchRow> switched;
  if (own_name.starts_with("runtime."sv) || own_name == "gogo"sv || own_name == "time.now"sv) {
    const std::uint32_t curg = own_name == "runtime.morestack"sv ? m_curg() : 0;
    switched = go_switch_rows(own_name, code_of(function), curg);
  }
  const std::uint64_t sizes_end =
      switched.empty() ? to : std::min(to, function.start + switched.front().offset);
  if (from < sizes_end) {
    append_sizes(function, from, sizes_end, out);
  }
  for (std::size_t i = 0; i < switched.size(); ++i) {
    const std::uint64_t start = function.start + switched[i].offset;
    const std::uint64_t end = i + 1 < switched.size() ? function.start + switched[i + 1].offset : to;
    if (start < to && end > from) {
      out.append(std::max(start, from), switched[i].row);
    }
  }
}

void GoPcsp::append_sizes(const Function& function, std::uint64_t from, std::uint64_t to,
                          RowAppender& out) const {
  const std::uint64_t table = word_at(functions_, function.record + (relative_ ? 16U : 20U), 4);
  if (table == 0) {
    out.append(from, row_of(UNWIND_UNSUPPORTED));  // an assembly function without a frame the linker knows
    return;
  }
  const bool saved = saves_rbp(function);
  // Pairs of zigzag value change and pc change; a zero change that is not the first ends them.
  ByteReader reader(values_);
  reader.seek(table);
  std::int64_t size = -1;
  std::uint64_t pc = function.start;
  bool first = true;
  while (pc < to) {
    const std::uint64_t change = reader.uleb();
    if (!reader.ok() || (change == 0 && !first)) {
      break;
    }
    first = false;
    size += static_cast<std::int64_t>(change >> 1) ^ -static_cast<std::int64_t>(change & 1);
    const std::uint64_t next = pc + reader.uleb();
    if (!reader.ok() || next <= pc) {
      break;
    }
    if (next > from) {
      out.append(std::max(pc, from), frame_row(size, saved));
    }
    pc = next;
  }
  if (pc < to) {
    out.append(std::max(pc, from), row_of(UNWIND_UNSUPPORTED));
  }
}

}  // namespace stoker::unwind
