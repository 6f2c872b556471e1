#include "tests/e2e/unwind/evaluate.h"

#include <cstring>

#include "base/byte_reader.h"

namespace stoker::unwind::test {
namespace {

std::uint64_t mixed(std::uint64_t value) {
  value ^= value >> 31;
  value *= 0x9e3779b97f4a7c15;
  value ^= value >> 29;
  return value * 0xbf58476d1ce4e5b9;
}

}  // namespace

std::uint64_t MadeUpProcess::word(std::uint64_t address) {
  return 0x7fff'0000'0000 + (mixed(address) & 0xffff'fff8);
}

bool MadeUpProcess::read(std::uint64_t address, std::span<std::byte> out) {
  if (out.size() != sizeof(std::uint64_t)) {
    return false;
  }
  const std::uint64_t value = word(address);
  std::memcpy(out.data(), &value, sizeof(value));
  return true;
}

Registers MadeUpProcess::registers(elf::Machine machine) {
  Registers registers;
  const RegisterNames names = register_names(machine);
  for (unsigned i = 0; i < Registers::kCount; ++i) {
    registers.set(i, 0x7ffe'0000'0000 + (mixed(i + std::uint64_t{1}) & 0xfff'fff8));
  }
  registers.set(names.sp, 0x7ffd'0000'0000);
  return registers;
}

std::optional<std::uint64_t> evaluate_expression(ByteView expression, const Registers& registers) {
  std::vector<std::uint64_t> stack;
  ByteReader reader(expression);
  const auto pop = [&stack] {
    const std::uint64_t top = stack.empty() ? 0 : stack.back();
    if (!stack.empty()) {
      stack.pop_back();
    }
    return top;
  };
  while (!reader.at_end()) {
    const std::uint8_t operation = reader.u8();
    if (operation >= 0x70 && operation <= 0x8f) {
      stack.push_back(registers.values[operation - 0x70U] + static_cast<std::uint64_t>(reader.sleb()));
    } else if (operation >= 0x30 && operation <= 0x4f) {
      stack.push_back(operation - 0x30U);
    } else if (operation == 0x06) {
      stack.push_back(MadeUpProcess::word(pop()));
    } else if (operation == 0x08) {
      stack.push_back(reader.u8());
    } else if (operation == 0x23) {
      stack.push_back(pop() + reader.uleb());
    } else if (operation == 0x1a || operation == 0x1e || operation == 0x22 || operation == 0x24 ||
               operation == 0x2a) {
      const std::uint64_t right = pop();
      const std::uint64_t left = pop();
      switch (operation) {
        case 0x1a:
          stack.push_back(left & right);
          break;
        case 0x1e:
          stack.push_back(left * right);
          break;
        case 0x22:
          stack.push_back(left + right);
          break;
        case 0x24:
          stack.push_back(left << (right & 63));
          break;
        default:
          stack.push_back(static_cast<std::int64_t>(left) >= static_cast<std::int64_t>(right) ? 1 : 0);
      }
    } else {
      return std::nullopt;
    }
  }
  return stack.empty() ? std::nullopt : std::optional(stack.back());
}

template <typename State>
std::optional<Registers> evaluate_row(const State& state, ByteView section, const Registers& registers,
                                      unsigned sp, unsigned return_address, unsigned pc) {
  const auto expression = [&](std::int64_t reference) {
    const ExpressionRef ref = ExpressionRef::from(reference);
    return evaluate_expression(slice(section, ref.offset, ref.length), registers);
  };
  const auto cfa =
      state.cfa.kind == CfaKind::kRegister
          ? std::optional(registers.values.at(state.cfa.reg) + static_cast<std::uint64_t>(state.cfa.offset))
          : expression(state.cfa.offset);
  if (!cfa || state.cfa.kind == CfaKind::kNone) {
    return std::nullopt;
  }
  Registers caller = registers;
  for (unsigned i = 0; i < State::kCount; ++i) {
    const RegisterRule rule = state.registers[i];
    std::optional<std::uint64_t> value;
    switch (rule.kind()) {
      case RuleKind::kUnspecified:
        value = i == sp ? *cfa : registers.values[i];
        break;
      case RuleKind::kUndefined:
        break;
      case RuleKind::kSameValue:
        value = registers.values[i];
        break;
      case RuleKind::kOffset:
        value = MadeUpProcess::word(*cfa + static_cast<std::uint64_t>(rule.value()));
        break;
      case RuleKind::kValOffset:
        value = *cfa + static_cast<std::uint64_t>(rule.value());
        break;
      case RuleKind::kRegister:
        value = registers.values.at(static_cast<std::size_t>(rule.value()));
        break;
      case RuleKind::kExpression:
        if (const auto address = expression(rule.value())) {
          value = MadeUpProcess::word(*address);
        }
        break;
      case RuleKind::kValExpression:
        value = expression(rule.value());
        break;
    }
    if (value) {
      caller.set(i, *value);
    } else {
      caller.forget(i);
    }
  }
  caller.forget(pc);
  if (caller.has(return_address) || return_address == pc) {
    if (state.registers[return_address].kind() != RuleKind::kUndefined) {
      caller.set(pc, caller.values[return_address]);
    }
  }
  return caller;
}

template std::optional<Registers> evaluate_row(const X86State&, ByteView, const Registers&, unsigned,
                                               unsigned, unsigned);
template std::optional<Registers> evaluate_row(const ArmState&, ByteView, const Registers&, unsigned,
                                               unsigned, unsigned);

}  // namespace stoker::unwind::test
