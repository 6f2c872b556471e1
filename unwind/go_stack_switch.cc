#include "unwind/go_stack_switch.h"

#include <algorithm>
#include <array>
#include <optional>

namespace stoker::unwind {
namespace {

using std::string_view_literals::operator""sv;

// Instruction encodings: Intel SDM volume 2.
constexpr auto kPrologue = "\x55\x48\x89\xe5"sv;             // push %rbp; mov %rsp,%rbp: Go 1.21 and later
constexpr auto kAlignStack = "\x48\x83\xe4\xf0"sv;           // and $-16,%rsp: C is called
constexpr auto kPopReturn = "\x5d\xc3"sv;                    // pop %rbp; ret
constexpr auto kPopJump = "\x5d\xff\xe7"sv;                  // pop %rbp; jmp *%rdi
constexpr auto kOwnG = "\x25\xf8\xff\xff\xff"sv;             // …%fs:-8…: where g is but for shared objects
constexpr auto kCurgOfG = "\x48\x8b\x58\x30\x48\x8b\x83"sv;  // mov 48(%rax),%rbx; mov N(%rbx),%rax: g.m.curg

unwind_row row_of(unwind_rule rule, int offset = 0) {
  unwind_row row{};
  row.rule = static_cast<u8>(rule);
  row.offset = static_cast<s16>(offset);
  return row;
}

// The end of the first instruction that makes rsp a goroutine's: mov 56(%reg),%rsp, 56 being g.sched.sp.
std::optional<std::uint32_t> behind_stack_load(std::string_view code) {
  for (std::size_t at = 0; at + 4 <= code.size(); ++at) {
    const auto prefix = static_cast<unsigned char>(code[at]);
    const auto operands = static_cast<unsigned char>(code[at + 2]);
    if ((prefix == 0x48 || prefix == 0x49) && code[at + 1] == '\x8b' && (operands & 0xf8) == 0x60 &&
        code[at + 3] == '\x38') {
      return static_cast<std::uint32_t>(at + 4);
    }
  }
  return std::nullopt;
}

// rbp holds this function's frame, on the stack it was called on, from the prologue to each pop.
std::vector<GoSwitchRow> rows_by_frame_pointer(std::string_view code) {
  unwind_row pushed = row_of(UNWIND_RSP, 2);
  unwind_row framed = row_of(UNWIND_GO_SWITCH);
  for (unwind_row* row : {&pushed, &framed}) {
    row->rbp = 2;
    row->rbx = row->r12_r15 = UNWIND_LOST;
  }
  const unwind_row bare = row_of(UNWIND_RSP, 1);
  std::vector<GoSwitchRow> rows{{0, bare}, {1, pushed}, {4, framed}};
  for (std::size_t at = 4; at + 2 <= code.size(); ++at) {
    const std::string_view rest = code.substr(at);
    for (const std::string_view exit : {kPopReturn, kPopJump}) {
      if (rest.starts_with(exit)) {
        rows.push_back({static_cast<std::uint32_t>(at + 1), bare});
        rows.push_back({static_cast<std::uint32_t>(at + exit.size()), framed});
      }
    }
  }
  return rows;
}

}  // namespace

std::uint32_t go_m_curg(std::string_view systemstack_code) {
  const std::size_t at = systemstack_code.find(kCurgOfG);
  if (at == systemstack_code.npos || at + kCurgOfG.size() + 4 > systemstack_code.size()) {
    return 0;
  }
  std::uint32_t offset = 0;
  for (unsigned i = 0; i < 4; ++i) {
    const auto byte = static_cast<unsigned char>(systemstack_code[at + kCurgOfG.size() + i]);
    offset |= std::uint32_t{byte} << (8 * i);
  }
  return offset % 8 == 0 && offset / 8 <= UNWIND_GO_MOST_CURG ? offset : 0;
}

std::vector<GoSwitchRow> go_switch_rows(std::string_view name, std::string_view code, std::uint32_t m_curg) {
  const auto loaded = behind_stack_load(code);
  if (name == "runtime.mcall"sv) {
    return loaded ? std::vector<GoSwitchRow>{{*loaded, row_of(UNWIND_END)}} : std::vector<GoSwitchRow>{};
  }
  if (name == "gogo"sv || name == "runtime.gogo"sv) {
    return loaded ? std::vector<GoSwitchRow>{{*loaded, row_of(UNWIND_UNSUPPORTED)}}
                  : std::vector<GoSwitchRow>{};
  }
  if (name == "runtime.morestack"sv) {
    const bool knows_g = m_curg != 0 && code.substr(0, 16).find(kOwnG) != code.npos;
    const unwind_row row =
        knows_g ? row_of(UNWIND_GOROUTINE, static_cast<int>(m_curg / 8)) : row_of(UNWIND_UNSUPPORTED);
    return {{0, row_of(UNWIND_RSP, 1)}, {loaded.value_or(0), row}};
  }
  const std::size_t aligned = code.find(kAlignStack);
  if (name != "runtime.systemstack"sv && aligned == code.npos) {
    return {};
  }
  if (code.starts_with(kPrologue)) {
    return rows_by_frame_pointer(code);
  }
  // Before Go 1.21: the way back is in a register or in memory, differently in each.
  const std::size_t left = std::min<std::size_t>(loaded.value_or(code.size()), aligned);
  return {{static_cast<std::uint32_t>(std::min(left, code.size())), row_of(UNWIND_UNSUPPORTED)}};
}

}  // namespace stoker::unwind
