#include "symbolize/go_pclntab.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "symbolize/elf_memory.h"

namespace stoker::symbolize {
namespace {

constexpr std::size_t kPointerSize = 8;  // we read 64-bit files only

// internal/abi/symtab.go
constexpr std::uint32_t kMagic12 = 0xfffffffb;
constexpr std::uint32_t kMagic116 = 0xfffffffa;
constexpr std::uint32_t kMagic118 = 0xfffffff0;
constexpr std::uint32_t kMagic120 = 0xfffffff1;
constexpr std::uint32_t kInlineIndexTable = 2;  // PCDATA_InlTreeIndex, since 1.13
constexpr std::uint32_t kInlineTree = 3;        // FUNCDATA_InlTree, since 1.16
constexpr std::uint32_t kInlineTreeGo12 = 4;    // the same, 1.13 to 1.15

// Offsets in moduledata (runtime/symtab.go), 64-bit.
constexpr std::uint64_t kModuleText = 176;
constexpr std::uint64_t kModuleGoFunc118 = 304;
constexpr std::uint64_t kModuleGoFunc120 = 320;  // after covctrs, ecovctrs

// The compiler's inlining budget allows some dozens; a cycle in a hostile tree ends here.
constexpr std::size_t kMostFrames = 512;

// Steps in pc-value tables for one address. The largest real functions have some ten thousand.
constexpr std::size_t kMostSteps = 4 << 20;

bool is_go(const elf::ElfFile& file) {
  return file.sections().empty() || !file.note("Go", 4).empty() ||
         file.find_section(".go.buildinfo") != nullptr || file.find_section(".note.go.buildid") != nullptr;
}

std::uint32_t u32_at(ByteView bytes, std::uint64_t offset) {
  std::uint32_t value = 0;
  if (const ByteView at = slice(bytes, offset, sizeof value); !at.empty()) {
    std::memcpy(&value, at.data(), sizeof value);
  }
  return value;
}

std::uint64_t u64_at(ByteView bytes, std::uint64_t offset) {
  std::uint64_t value = 0;
  if (const ByteView at = slice(bytes, offset, sizeof value); !at.empty()) {
    std::memcpy(&value, at.data(), sizeof value);
  }
  return value;
}

std::string_view text_at(ByteView bytes, std::uint64_t offset) {
  ByteReader reader(bytes);
  reader.seek(offset);
  return reader.cstr();
}

ByteView rest(ByteView bytes, std::uint64_t offset) {
  return offset <= bytes.size() ? bytes.subspan(offset) : ByteView{};
}

}  // namespace

// One _func record, decoded.
struct GoPclntab::Function {
  std::uint64_t entry = 0;
  std::uint32_t name = 0;
  std::uint32_t file_values = 0;  // offsets of pc-value tables
  std::uint32_t line_values = 0;
  std::uint32_t inline_values = 0;  // 0: no inlined calls
  std::uint32_t unit = 0;
  std::int32_t start_line = 0;
  std::uint64_t tree = 0;  // where the inline tree lies: an address before 1.18, then an offset in go_func_
  bool has_tree = false;
};

std::optional<GoPclntab> GoPclntab::open(const std::shared_ptr<const elf::ElfFile>& file) {
  GoPclntab table;
  for (const char* const name : {".gopclntab", ".data.rel.ro.gopclntab"}) {
    if (const elf::Section* section = file->find_section(name); section != nullptr) {
      if (table.read_header(file, file->raw(*section), section->address.value)) {
        return table;
      }
    }
  }
  if (!is_go(*file)) {
    return std::nullopt;
  }
  for (const elf::ProgramHeader& header : file->program_headers()) {
    const ByteView bytes = header.type == PT_LOAD ? file->raw(header) : ByteView{};
    for (const std::uint32_t magic : {kMagic120, kMagic118, kMagic116, kMagic12}) {
      const std::string_view needle(reinterpret_cast<const char*>(&magic), sizeof magic);
      const std::string_view hay = as_text(bytes);
      for (std::size_t at = hay.find(needle); at != std::string_view::npos; at = hay.find(needle, at + 1)) {
        if (at % kPointerSize == 0 && table.read_header(file, bytes.subspan(at), header.address.value + at)) {
          return table;
        }
      }
    }
  }
  return std::nullopt;
}

bool GoPclntab::read_header(const std::shared_ptr<const elf::ElfFile>& file, ByteView bytes,
                            std::uint64_t address) {
  *this = GoPclntab();
  file_ = file;
  ByteReader reader(bytes);
  const std::uint32_t magic = reader.u32();
  const std::uint16_t pad = reader.u16();
  quantum_ = reader.u8();
  const std::uint8_t pointer_size = reader.u8();
  if (!reader.ok() || pad != 0 || pointer_size != kPointerSize ||
      (quantum_ != 1 && quantum_ != 2 && quantum_ != 4)) {
    return false;
  }
  switch (magic) {
    case kMagic12:
      layout_ = Layout::kGo12;
      return read_header_12(reader);
    case kMagic116:
      layout_ = Layout::kGo116;
      break;
    case kMagic118:
      layout_ = Layout::kGo118;
      break;
    case kMagic120:
      layout_ = Layout::kGo120;
      break;
    default:
      return false;
  }
  count_ = reader.u64();
  reader.u64();  // files
  if (layout_ >= Layout::kGo118) {
    text_start_ = ElfMemory(file).pointer(address + reader.position()).value_or(0);
    reader.u64();
  }
  names_ = rest(bytes, reader.u64());
  units_ = rest(bytes, reader.u64());
  files_ = rest(bytes, reader.u64());
  values_ = rest(bytes, reader.u64());
  functions_ = rest(bytes, reader.u64());
  functab_ = functions_;
  const std::uint64_t entry_size = layout_ >= Layout::kGo118 ? 8 : 16;
  if (!reader.ok() || count_ == 0 || count_ >= functab_.size() / entry_size) {
    return false;
  }
  if (layout_ >= Layout::kGo118) {
    read_module_data(file, address);
  }
  return file->is_code({entry_pc(0)});
}

bool GoPclntab::read_header_12(ByteReader& reader) {
  const ByteView whole = reader.bytes();
  count_ = reader.u64();
  if (!reader.ok() || count_ == 0 || count_ >= reader.remaining() / 16) {
    return false;
  }
  functab_ = rest(whole, reader.position());
  files_ = rest(whole, u32_at(functab_, count_ * 16 + kPointerSize));
  names_ = values_ = functions_ = whole;
  return file_->is_code({entry_pc(0)});
}

// The linker's record of the module begins with a pointer to this table; it knows where the text and the
// function data begin, in files without symbols too.
void GoPclntab::read_module_data(const std::shared_ptr<const elf::ElfFile>& file, std::uint64_t address) {
  const ElfMemory memory(file);
  constexpr std::size_t kMostCandidates = 16;
  for (const std::uint64_t module : memory.find_pointers(address, kMostCandidates)) {
    const std::uint64_t text = memory.pointer(module + kModuleText).value_or(0);
    const std::uint64_t go_func =
        memory.pointer(module + (layout_ == Layout::kGo118 ? kModuleGoFunc118 : kModuleGoFunc120))
            .value_or(0);
    const ByteView data = memory.from(go_func);
    if (file->is_code({text}) && !data.empty()) {
      text_start_ = text;
      go_func_ = data;
      return;
    }
  }
}

std::uint64_t GoPclntab::entry_pc(std::uint64_t index) const {
  return layout_ >= Layout::kGo118 ? text_start_ + u32_at(functab_, index * 8) : u64_at(functab_, index * 16);
}

std::optional<GoPclntab::Function> GoPclntab::function_at(std::uint64_t pc) const {
  if (pc < entry_pc(0) || pc >= entry_pc(count_)) {
    return std::nullopt;
  }
  std::uint64_t low = 0;
  std::uint64_t high = count_;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    if (entry_pc(middle) <= pc) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  const std::uint64_t index = low - 1;  // entry_pc(0) <= pc
  Function function;
  function.entry = entry_pc(index);
  const std::uint64_t offset =
      layout_ >= Layout::kGo118 ? u32_at(functab_, index * 8 + 4) : u64_at(functab_, index * 16 + 8);
  ByteReader reader(functions_);
  reader.seek(offset);
  reader.skip(layout_ >= Layout::kGo118 ? 4 : kPointerSize);  // entry
  function.name = reader.u32();
  reader.skip(12);  // args, deferreturn, pcsp
  function.file_values = reader.u32();
  function.line_values = reader.u32();
  const std::uint32_t pcdata_count = reader.u32();
  if (layout_ >= Layout::kGo116) {
    function.unit = reader.u32();
  }
  if (layout_ == Layout::kGo120) {
    function.start_line = reader.i32();
  }
  reader.skip(3);  // funcID, flag, padding
  const std::uint8_t funcdata_count = reader.u8();
  const std::uint64_t pcdata = reader.position();
  if (!reader.ok() || pcdata_count > reader.remaining() / 4) {
    return std::nullopt;
  }
  if (pcdata_count > kInlineIndexTable) {
    function.inline_values = u32_at(functions_, pcdata + std::uint64_t{kInlineIndexTable} * 4);
  }
  const std::uint64_t funcdata = pcdata + std::uint64_t{pcdata_count} * 4;
  if (layout_ >= Layout::kGo118) {
    if (funcdata_count > kInlineTree) {
      function.tree = u32_at(functions_, funcdata + std::uint64_t{kInlineTree} * 4);
      function.has_tree = function.tree != UINT32_MAX;
    }
    return function;
  }
  const std::uint32_t which = layout_ == Layout::kGo12 ? kInlineTreeGo12 : kInlineTree;
  if (funcdata_count > which) {
    // The array of pointers is aligned in memory, and the table's start is.
    const std::uint64_t aligned = (funcdata + kPointerSize - 1) & ~(kPointerSize - 1);
    function.tree = u64_at(functions_, aligned + which * kPointerSize);
    function.has_tree = function.tree != 0;
  }
  return function;
}

// A table of (value delta as zigzag, pc delta) varints: each value holds up to its pc. nullopt past the end,
// which is also the function's.
std::optional<std::int32_t> GoPclntab::value_at(std::uint32_t table, const Function& function,
                                                std::uint64_t pc, std::size_t& steps) const {
  ByteReader reader(values_);
  reader.seek(table);
  std::uint64_t at = function.entry;
  std::uint32_t value = UINT32_MAX;
  for (bool first = true; reader.ok() && steps != 0; first = false, --steps) {
    const auto delta = static_cast<std::uint32_t>(reader.uleb());
    if (delta == 0 && !first) {
      return std::nullopt;
    }
    value += (delta & 1) != 0 ? ~(delta >> 1) : delta >> 1;
    at += reader.uleb() * quantum_;
    if (reader.ok() && pc < at) {
      return static_cast<std::int32_t>(value);
    }
  }
  return std::nullopt;
}

std::string_view GoPclntab::name(std::uint32_t offset) const {
  return text_at(names_, offset);
}

std::string_view GoPclntab::file_name(const Function& function, std::int32_t index) const {
  if (index < 0) {
    return {};
  }
  const auto place = static_cast<std::uint64_t>(index);
  if (layout_ == Layout::kGo12) {
    const std::uint32_t offset = u32_at(files_, place * 4);
    return offset == 0 ? std::string_view{} : text_at(names_, offset);
  }
  const std::uint32_t offset = u32_at(units_, (function.unit + place) * 4);
  return offset == UINT32_MAX ? std::string_view{} : text_at(files_, offset);
}

ByteView GoPclntab::inline_tree(const Function& function) const {
  if (!function.has_tree || function.inline_values == 0) {
    return {};
  }
  return layout_ >= Layout::kGo118 ? rest(go_func_, function.tree) : ElfMemory(file_).from(function.tree);
}

bool GoPclntab::find(elf::ElfAddress address, std::vector<Frame>& out) const {
  out.clear();
  const auto function = function_at(address.value);
  if (!function) {
    return false;
  }
  const ByteView tree = inline_tree(*function);
  // inlinedCall: 16 bytes {funcID, 3 × pad, name, parent pc, start line} from 1.20 on, before that 20 bytes
  // {parent, funcID, pad, file, line, name, parent pc}.
  const bool newer = layout_ == Layout::kGo120;
  std::uint64_t pc = address.value;
  std::size_t steps = kMostSteps;
  while (out.size() < kMostFrames) {
    const auto file = value_at(function->file_values, *function, pc, steps);
    const auto line = value_at(function->line_values, *function, pc, steps);
    if (out.empty() && !line) {
      return false;  // the padding behind the function
    }
    Frame frame;
    frame.file = file ? file_name(*function, *file) : std::string_view{};
    frame.line = line.value_or(0);
    const auto call = tree.empty() ? std::nullopt : value_at(function->inline_values, *function, pc, steps);
    const ByteView entry =
        call && *call >= 0
            ? slice(tree, static_cast<std::uint64_t>(*call) * (newer ? 16 : 20), newer ? 16 : 20)
            : ByteView{};
    if (entry.empty()) {
      frame.function = name(function->name);
      frame.start_line = function->start_line;
      out.push_back(frame);
      return true;
    }
    frame.function = name(u32_at(entry, newer ? 4 : 12));
    frame.start_line = newer ? static_cast<std::int32_t>(u32_at(entry, 12)) : 0;
    out.push_back(frame);
    pc = function->entry + u32_at(entry, newer ? 8 : 16);
  }
  return true;
}

}  // namespace stoker::symbolize
