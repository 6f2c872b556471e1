#include "unwind/gaps.h"

#include <elf.h>

#include <algorithm>
#include <string_view>

#include "unwind/aarch64/linker_code.h"
#include "unwind/aarch64/stack_height.h"
#include "unwind/x86_64/linker_code.h"
#include "unwind/x86_64/stack_height.h"

namespace stoker::unwind {
namespace {

using std::string_view_literals::operator""sv;

// Functions begin at multiples of this nearly everywhere; what lies between a function's end and the next
// such multiple is padding if a function begins there.
constexpr std::uint64_t kFunctionAlignment = 16;
// endbr64, bti c, or a hint in its place.
constexpr std::uint64_t kLandingPad = 4;

// Enough to tell how code is compiled; a file without any tables may have 100 MB of it.
constexpr std::size_t kJudgedBytes = 256 << 10;
// Compiled with frame pointers, a function sets one up each 50 to 300 bytes; without, never.
constexpr std::size_t kBytesPerSetup = 2048;

// x86-64: mov $15,%eax or %rax; syscall (rt_sigreturn). aarch64: mov x8, #139; svc #0.
constexpr std::string_view kX86SignalReturn = "\x0f\x00\x00\x00\x0f\x05"sv;
constexpr std::string_view kArmSignalReturn = "\x68\x11\x80\xd2\x01\x00\x00\xd4"sv;
// x86-64: push %rbp; mov %rsp,%rbp. aarch64: mov x29, sp (any frame record's last step).
constexpr std::string_view kX86FrameSetup = "\x55\x48\x89\xe5"sv;
constexpr std::string_view kArmFrameSetup = "\xfd\x03\x00\x91"sv;

// Between aarch64's functions: nop, or nothing.
bool is_arm_padding(ByteView code) {
  constexpr auto kNop = "\x1f\x20\x03\xd5"sv;
  for (std::string_view rest = as_text(code); rest.size() >= kNop.size(); rest.remove_prefix(kNop.size())) {
    if (!rest.starts_with(kNop) && !rest.starts_with("\0\0\0\0"sv)) {
      return false;
    }
  }
  return true;
}

unwind_row row_of(unwind_rule rule, int offset = 0) {
  unwind_row row{};
  row.rule = static_cast<u8>(rule);
  row.offset = static_cast<s16>(offset);
  return row;
}

unwind_row frame_pointer_row() {
  unwind_row row = row_of(UNWIND_FRAME_POINTER, 2);
  row.rbp = 2;
  row.rbx = row.r12_r15 = UNWIND_LOST;
  return row;
}

unwind_row arm_frame_pointer_row() {
  unwind_row row = row_of(UNWIND_FRAME_POINTER, 2);
  row.rbp = 2;
  row.lr = 1;
  return row;
}

}  // namespace

GapRules::GapRules(const elf::ElfFile& file, const elf::Segment& segment)
    : file_(file),
      segment_(segment),
      code_(slice(file.bytes(), segment.offset.value, segment.size)),
      machine_(file.machine()),
      entry_(file.entry().value) {
  find_code(file);
  add_known_sections(file);
}

// Some linkers put constants into the executable segment: 50 MB of them in a large library, not to be searched.
void GapRules::find_code(const elf::ElfFile& file) {
  const std::uint64_t segment_end = segment_.address.value + segment_.size;
  for (const elf::Section& section : file.sections()) {
    if ((section.flags & SHF_EXECINSTR) == 0 || section.size > segment_end) {
      continue;
    }
    const std::uint64_t start = std::max(section.address.value, segment_.address.value);
    const std::uint64_t end = std::min(section.address.value, segment_end - section.size) + section.size;
    if (start < end) {
      ranges_.push_back({start, end});
    }
  }
  if (ranges_.empty()) {
    ranges_.push_back({segment_.address.value, segment_end});
  }
  std::ranges::sort(ranges_, {}, &CodeRange::start);
  for (std::size_t i = 1; i < ranges_.size(); ++i) {
    ranges_[i].start = std::max(ranges_[i].start, ranges_[i - 1].end);
    ranges_[i].end = std::max(ranges_[i].end, ranges_[i].start);
  }
}

void GapRules::add_known_sections(const elf::ElfFile& file) {
  const auto linker_code =
      machine_ == elf::Machine::kX86_64 ? x86_64::append_linker_code : aarch64::append_linker_code;
  for (const elf::Section& section : file.sections()) {
    const std::uint64_t start = section.address.value;
    if (start >= segment_.address.value && start - segment_.address.value <= segment_.size &&
        section.size <= segment_.size - (start - segment_.address.value)) {
      linker_code(section.name, start, file.raw(section), known_);
    }
  }
  std::ranges::sort(known_, {}, &KnownCode::start);
  std::uint64_t covered = 0;
  std::erase_if(known_, [&covered](const KnownCode& known) {
    const bool overlaps = known.start < covered;
    covered = overlaps ? covered : known.end;
    return overlaps;
  });
}

template <typename Take>
void GapRules::for_code_in(std::uint64_t from, std::uint64_t to, Take take) const {
  auto range = std::ranges::upper_bound(ranges_, from, {}, &CodeRange::end);
  for (; range != ranges_.end() && range->start < to; ++range) {
    const std::uint64_t start = std::max(range->start, from);
    const std::uint64_t end = std::min(range->end, to);
    if (start < end) {
      take(start, end, slice(code_, start - segment_.address.value, end - start));
    }
  }
}

void GapRules::find_signal_returns(std::uint64_t from, std::uint64_t to,
                                   std::vector<KnownCode>& found) const {
  for_code_in(from, to, [&](std::uint64_t start, std::uint64_t, ByteView code) {
    find_signal_returns_in(start, code, found);
  });
}

void GapRules::find_signal_returns_in(std::uint64_t from, ByteView code,
                                      std::vector<KnownCode>& found) const {
  const bool x86 = machine_ == elf::Machine::kX86_64;
  const std::string_view pattern = x86 ? kX86SignalReturn : kArmSignalReturn;
  const std::string_view text = as_text(code);
  // The handler returns to the first byte, and return addresses are looked up one byte before.
  const auto add = [&](std::size_t at, std::size_t end, int offset) {
    found.push_back({from + at - (at == 0 ? 0 : 1), from + end, row_of(UNWIND_SIGNAL, offset)});
  };
  for (auto at = text.find(pattern); at != text.npos; at = text.find(pattern, at + pattern.size())) {
    const std::size_t end = at + pattern.size();
    if (!x86) {
      // In the system call pc is behind svc already.
      const bool function_follows = !starts(from + end, from + end + 1).empty();
      add(at, function_follows ? end : end + 4, 16 * 32 + 31);
    } else if (at >= 3 && text.substr(at - 3, 3) == "\x48\xc7\xc0"sv) {
      add(at - 3, end, 7);
    } else if (at >= 1 && text[at - 1] == '\xb8') {
      add(at - 1, end, 7);
    }
  }
}

bool GapRules::keeps_frame_pointers(ByteView code) const {
  const std::string_view judged = as_text(code.first(std::min(code.size(), kJudgedBytes)));
  const std::string_view pattern = machine_ == elf::Machine::kX86_64 ? kX86FrameSetup : kArmFrameSetup;
  std::size_t setups = 0;
  for (auto at = judged.find(pattern); at != judged.npos; at = judged.find(pattern, at + pattern.size())) {
    ++setups;
  }
  return setups != 0 && judged.size() / setups <= kBytesPerSetup;
}

bool GapRules::is_context_start(std::uint64_t start, std::uint64_t end) const {
  const ContextStart& known =
      machine_ == elf::Machine::kX86_64 ? x86_64::kContextStart : aarch64::kContextStart;
  // Only functions of just these sizes are looked at: reading every function's first bytes would bring in all of the
  // file's pages.
  const std::uint64_t size = end - start;
  if (size != known.size && size != known.size + kLandingPad) {
    return false;
  }
  const std::string_view code = as_text(slice(code_, start - segment_.address.value, size));
  return code.substr(size - known.size).starts_with(known.first_bytes);
}

void GapRules::fill(std::uint64_t from, std::uint64_t to, bool after_function, RowAppender& out) const {
  const bool at_end = to == segment_.address.value + segment_.size;
  const std::uint64_t aligned = (from + kFunctionAlignment - 1) / kFunctionAlignment * kFunctionAlignment;
  if (from >= to || (after_function && !at_end && to == aligned)) {
    return;
  }
  const ByteView code = slice(code_, from - segment_.address.value, to - from);
  std::vector<KnownCode> inside;
  find_signal_returns(from, to, inside);
  auto plt = std::ranges::lower_bound(known_, from, {}, &KnownCode::start);
  for (; plt != known_.end() && plt->end <= to; ++plt) {
    inside.push_back(*plt);
  }
  std::ranges::sort(inside, {}, &KnownCode::start);

  const bool by_frame_pointer = keeps_frame_pointers(code);
  std::uint64_t at = from;
  for (const KnownCode& known : inside) {
    if (known.start < at) {
      continue;
    }
    append_rest(at, known.start, by_frame_pointer, out);
    out.append(known.start, known.row);
    at = known.end;
  }
  append_rest(at, to, by_frame_pointer, out);
}

std::vector<std::uint64_t> GapRules::starts(std::uint64_t from, std::uint64_t to) const {
  if (!starts_) {
    starts_.emplace(file_, segment_.address.value, segment_.address.value + segment_.size);
  }
  return starts_->in(from, to);
}

// Start code is called by nobody: what it called returns to a root. It is short and ends before the first function that
// the compiler wrote.
void GapRules::append_rest(std::uint64_t from, std::uint64_t to, bool by_frame_pointer,
                           RowAppender& out) const {
  constexpr std::uint64_t kStartCode = 64;
  if (entry_ > from && entry_ < to) {
    append_unknown(from, entry_, by_frame_pointer, out);
    from = entry_;
  }
  if (entry_ == from && from < to && entry_ != 0) {
    const std::vector<std::uint64_t> later = starts(entry_ + 1, entry_ + kStartCode);
    const std::uint64_t end = std::min(to, later.empty() ? entry_ + kStartCode : later.front());
    out.append(entry_, row_of(UNWIND_END));
    from = end;
  }
  append_unknown(from, to, by_frame_pointer, out);
}

void GapRules::append_unknown(std::uint64_t from, std::uint64_t to, bool by_frame_pointer,
                              RowAppender& out) const {
  if (from >= to) {
    return;
  }
  if (machine_ == elf::Machine::kAarch64) {
    append_followed_arm(from, to, by_frame_pointer, out);
  } else if (by_frame_pointer) {
    out.append(from, frame_pointer_row());
  } else {
    append_followed(from, to, out);
  }
}

void GapRules::append_followed(std::uint64_t from, std::uint64_t to, RowAppender& out) const {
  out.append(from, row_of(UNWIND_NONE));
  for_code_in(from, to, [&](std::uint64_t start, std::uint64_t end, ByteView code) {
    for (const x86_64::HeightRow& row : x86_64::follow_stack(code, start, starts(start, end))) {
      out.append(row.address, x86_64::row_of(row.state));
    }
    if (end < to) {
      out.append(end, row_of(UNWIND_NONE));
    }
  });
}

void GapRules::append_followed_arm(std::uint64_t from, std::uint64_t to, bool by_frame_pointer,
                                   RowAppender& out) const {
  const unwind_row otherwise = by_frame_pointer ? arm_frame_pointer_row() : row_of(UNWIND_NONE);
  out.append(from, otherwise);
  for_code_in(from, to, [&](std::uint64_t start, std::uint64_t end, ByteView code) {
    if (is_arm_padding(code)) {
      return;
    }
    for (const aarch64::HeightRow& row : aarch64::follow_stack(code, start, starts(start, end))) {
      out.append(row.address, row.row.rule == UNWIND_NONE ? otherwise : row.row);
    }
    if (end < to) {
      out.append(end, otherwise);
    }
  });
}

}  // namespace stoker::unwind
