// Random registers, memory, mappings and rows: the BPF program's walk on the host ends, and ends as user space's does.
#include <algorithm>
#include <array>
#include <deque>

#include "base/byte_reader.h"
#include "bpf/shared/stats.h"
#include "tests/replay/host_process.h"

namespace stoker::replay {
namespace {

constexpr std::uint64_t kCode = 0x400000;
constexpr std::uint64_t kCodeSize = 0x1000;  // of each mapping
constexpr std::uint64_t kStack = 0x7ff000;
constexpr std::uint64_t kStackSize = 0x3000;

// Memory is one stack, whose bytes repeat what the input has left; mappings follow each other at kCode.
class RandomProcess : public HostProcess {
 public:
  RandomProcess(ByteReader& input, elf::Machine machine) : HostProcess(machine) {
    std::vector<HostMapping> mappings;
    const unsigned count = 1 + input.u8() % 70;  // more than one block of them
    for (unsigned i = 0; i < count; ++i) {
      const std::uint64_t start = kCode + i * 2 * kCodeSize;
      HostMapping mapping{start, start + kCodeSize, static_cast<map_kind>(input.u8() % 5)};
      if (mapping.kind == MAP_INDEX) {
        mapping.kind = MAP_TABLE;
      }
      if (mapping.kind == MAP_TABLE) {
        mapping.bias = start - 0x10000;
        mapping.table = &add_table(input);
      }
      mappings.push_back(mapping);
    }
    set_mappings(std::move(mappings));
    stack_ = input.take(input.remaining());
  }

  bool read(std::uint64_t address, std::span<std::byte> out) override {
    if (address < kStack || address - kStack > kStackSize || kStackSize - (address - kStack) < out.size()) {
      return false;
    }
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i] = stack_.empty() ? std::byte{} : stack_[(address - kStack + i) % stack_.size()];
    }
    return true;
  }

 private:
  const unwind::UnwindTable& add_table(ByteReader& input) {
    const unsigned rows = input.u8() % 16;
    unwind::RowAppender out({0x10000}, {0x10000 + kCodeSize}, rows + std::size_t{1});
    std::uint64_t at = 0x10000;
    for (unsigned i = 0; i < rows; ++i) {
      unwind_row row{};
      row.rule = static_cast<u8>(input.u8() % (UNWIND_RULE_COUNT + 1));
      row.rbp = input.u8();
      row.rbx = input.u8();
      row.r12_r15 = input.u8();
      row.offset = input.i16();
      if (row.rule == UNWIND_FRAME_POINTER) {  // as tables have it
        const bool arm = machine() == elf::Machine::kAarch64;
        row.rbp = 2;
        row.rbx = arm ? 1 : UNWIND_LOST;
        row.r12_r15 = arm ? 0 : UNWIND_LOST;
        row.offset = 2;
      }
      out.append(at, row);
      at += 1 + input.u8();
      if (at >= 0x10000 + kCodeSize) {
        break;
      }
    }
    tables_.push_back(std::move(out).finish());
    return tables_.back();
  }

  std::deque<unwind::UnwindTable> tables_;
  ByteView stack_;
};

unwind::Registers registers_from(ByteReader& input, elf::Machine machine) {
  unwind::Registers registers;
  const unsigned pc = unwind::register_names(machine).pc;
  for (unsigned i = 0; i < pc; ++i) {
    // Mostly addresses that mean something.
    const std::uint16_t value = input.u16();
    registers.set(i, value % 8 == 7 ? input.u64() : kStack + value % kStackSize);
  }
  registers.set(pc, kCode + input.u32() % (140 * kCodeSize));
  registers.thread_pointer = kStack + input.u16();
  return registers;
}

// User space reads callers' registers as it passes them, the program when a rule asks: where memory cannot be read, or a
// register was lost on a way of no importance, they may end at different frames.
bool may_differ(std::uint8_t end) {
  return end == STAT_cut_unreadable || end == STAT_cut_lost_register;
}

}  // namespace
}  // namespace stoker::replay

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace stoker;
  using namespace stoker::replay;
  ByteReader input(std::as_bytes(std::span(data, size)));
  const auto machine = input.u8() % 2 == 0 ? elf::Machine::kX86_64 : elf::Machine::kAarch64;
  const unwind::Registers registers = registers_from(input, machine);
  RandomProcess process(input, machine);
  const Walked bpf = process.walk_as_bpf(registers);
  const Walked user = process.walk_as_user_space(registers);
  if (bpf.frames.empty() || bpf.frames.size() > MAX_USER_FRAMES) {
    __builtin_trap();
  }
  const std::size_t common = std::min(bpf.frames.size(), user.frames.size());
  if (!std::equal(bpf.frames.begin(), bpf.frames.begin() + static_cast<std::ptrdiff_t>(common),
                  user.frames.begin())) {
    __builtin_trap();
  }
  if (bpf != user && !may_differ(bpf.end) && !may_differ(user.end)) {
    __builtin_trap();
  }
  return 0;
}
