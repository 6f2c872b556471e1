#include "unwind/aarch64/linker_code.h"

namespace stoker::unwind::aarch64 {
namespace {

using std::string_view_literals::operator""sv;

// The return address is in x30; nothing is on the stack.
unwind_row link_row() {
  unwind_row row{};
  row.rule = UNWIND_RSP;
  return row;
}

// 16 bytes on the stack: x30 in the upper word; in the lower one x29, or else x16.
unwind_row pushed_row(bool frame_pointer) {
  unwind_row row{};
  row.rule = UNWIND_RSP;
  row.offset = 2;
  row.rbp = frame_pointer ? u8{2} : u8{UNWIND_SAME};
  row.lr = 1;
  return row;
}

// Stubs load an address and jump to it. In front of those that are bound late stands PLT0, of 32 bytes, which pushes x16
// and x30 for the dynamic linker.
void append_plt(std::uint64_t start, ByteView bytes, std::vector<KnownCode>& out) {
  constexpr std::uint64_t kFirstSize = 32;
  constexpr auto kPush = "\xf0\x7b\xbf\xa9"sv;  // stp x16, x30, [sp, #-16]!
  const std::size_t pushed = as_text(bytes).substr(0, kFirstSize).find(kPush);
  std::uint64_t stubs = start;
  if (pushed != std::string_view::npos && bytes.size() > kFirstSize) {
    stubs = start + kFirstSize;
    const std::uint64_t behind = start + pushed + kPush.size();
    out.push_back({start, behind, link_row()});
    out.push_back({behind, stubs, pushed_row(false)});
  }
  if (stubs < start + bytes.size()) {
    out.push_back({stubs, start + bytes.size(), link_row()});
  }
}

// One function, put together by the linker from glibc's crti.o, calls that objects add, and crtn.o.
void append_init(std::uint64_t start, ByteView bytes, std::vector<KnownCode>& out) {
  constexpr auto kPush = "\xfd\x7b\xbf\xa9"sv;  // stp x29, x30, [sp, #-16]!
  constexpr auto kPop = "\xfd\x7b\xc1\xa8"sv;   // ldp x29, x30, [sp], #16
  const std::string_view code = as_text(bytes);
  const std::size_t pushed = code.find(kPush);
  const std::size_t popped = code.rfind(kPop);
  if (pushed == code.npos || popped == code.npos || popped < pushed || pushed % 4 != 0 || popped % 4 != 0) {
    return;
  }
  const std::uint64_t made = start + pushed + kPush.size();
  const std::uint64_t undone = start + popped + kPop.size();
  out.push_back({start, made, link_row()});
  out.push_back({made, undone, pushed_row(true)});
  out.push_back({undone, start + code.size(), link_row()});
}

}  // namespace

void append_linker_code(std::string_view section, std::uint64_t start, ByteView code,
                        std::vector<KnownCode>& out) {
  if (section == ".plt"sv || section == ".iplt"sv) {
    append_plt(start, code, out);
  } else if (section == ".init"sv || section == ".fini"sv) {
    append_init(start, code, out);
  }
}

}  // namespace stoker::unwind::aarch64
