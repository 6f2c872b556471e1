#include "unwind/x86_64/linker_code.h"

#include <algorithm>
#include <array>

namespace stoker::unwind::x86_64 {
namespace {

using std::string_view_literals::operator""sv;

unwind_row row_of(unwind_rule rule, int offset) {
  unwind_row row{};
  row.rule = static_cast<u8>(rule);
  row.offset = static_cast<s16>(offset);
  return row;
}

// One function, put together by the linker from glibc's crti.o, calls that objects add, and crtn.o: what is between sub
// $8,%rsp and add $8,%rsp; ret has eight bytes on the stack.
void append_init(std::uint64_t start, ByteView bytes, std::vector<KnownCode>& out) {
  const std::string_view code = as_text(bytes);
  const std::size_t made = code.starts_with("\xf3\x0f\x1e\xfa"sv) ? 8 : 4;
  const std::size_t undone = code.size() - std::min<std::size_t>(code.size(), 1);
  if (code.size() < made + 5 || code.substr(made - 4, 4) != "\x48\x83\xec\x08"sv ||
      !code.ends_with("\x48\x83\xc4\x08\xc3"sv)) {
    return;
  }
  out.push_back({start, start + made, row_of(UNWIND_RSP, 1)});
  out.push_back({start + made, start + undone, row_of(UNWIND_RSP, 2)});
  out.push_back({start + undone, start + code.size(), row_of(UNWIND_RSP, 1)});
}

// PLT0 pushes the link map (6 bytes) and jumps: when it runs, the entry has pushed an index already. An entry
// is 16 bytes: jmp *got; push index; jmp PLT0, or with IBT endbr64; push index; jmp PLT0.
void append_plt(std::uint64_t start, ByteView code, std::vector<KnownCode>& out) {
  constexpr std::uint64_t kEntrySize = 16;
  const std::string_view first = as_text(slice(code, kEntrySize, kEntrySize));
  const bool plain = first.starts_with("\xff\x25"sv);
  const bool with_ibt = first.starts_with("\xf3\x0f\x1e\xfa\x68"sv);
  if (start % kEntrySize != 0 || !as_text(code).starts_with("\xff\x35"sv) || (!plain && !with_ibt)) {
    return;
  }
  out.push_back({start, start + 6, row_of(UNWIND_RSP, 2)});
  out.push_back({start + 6, start + kEntrySize, row_of(UNWIND_RSP, 3)});
  out.push_back({start + kEntrySize, start + code.size(), row_of(UNWIND_PLT, plain ? 11 : 9)});
}

}  // namespace

void append_linker_code(std::string_view section, std::uint64_t start, ByteView code,
                        std::vector<KnownCode>& out) {
  static constexpr std::array kStubs = {".plt.sec"sv, ".plt.got"sv, ".iplt"sv};
  if (section == ".plt"sv) {
    append_plt(start, code, out);
  } else if (section == ".init"sv || section == ".fini"sv) {
    append_init(start, code, out);
  } else if (std::ranges::find(kStubs, section) != kStubs.end() && !code.empty()) {
    out.push_back({start, start + code.size(), row_of(UNWIND_RSP, 1)});
  }
}

}  // namespace stoker::unwind::x86_64
