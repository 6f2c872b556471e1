#include "unwind/expression.h"

#include <array>
#include <optional>

#include "base/byte_reader.h"

namespace stoker::unwind {
namespace {

enum Operation : std::uint8_t {  // DWARF 5 §7.7.1
  kDerefOp = 0x06,
  kConst1u = 0x08,
  kConst1s = 0x09,
  kAnd = 0x1a,
  kMul = 0x1e,
  kPlus = 0x22,
  kPlusUconst = 0x23,
  kShl = 0x24,
  kGe = 0x2a,
  kLit0 = 0x30,
  kLit31 = 0x4f,
  kBreg0 = 0x70,
  kBreg31 = 0x8f,
};
// In a Step, whatever pushes a constant.
constexpr std::uint8_t kLiteral = kLit0;
constexpr std::uint8_t kBreg = kBreg0;

struct Step {
  std::uint8_t operation = 0;
  std::uint8_t reg = 0;
  std::int64_t value = 0;
};

std::optional<Step> read_step(ByteReader& reader) {
  const std::uint8_t operation = reader.u8();
  if (operation >= kBreg0 && operation <= kBreg31) {
    return Step{kBreg, static_cast<std::uint8_t>(operation - kBreg0), reader.sleb()};
  }
  if (operation >= kLit0 && operation <= kLit31) {
    return Step{kLiteral, 0, operation - kLit0};
  }
  switch (operation) {
    case kConst1u:
      return Step{kLiteral, 0, reader.u8()};
    case kConst1s:
      return Step{kLiteral, 0, reader.i8()};
    case kPlusUconst:
      return Step{kPlusUconst, 0, static_cast<std::int64_t>(reader.uleb())};
    case kDerefOp:
    case kAnd:
    case kMul:
    case kPlus:
    case kShl:
    case kGe:
      return Step{operation};
    default:
      return std::nullopt;
  }
}

class Steps {
 public:
  bool push(const Step& step) {
    if (count_ == steps_.size()) {
      return false;
    }
    steps_[count_++] = step;
    return true;
  }
  const Step& operator[](std::size_t i) const { return steps_[i]; }
  std::size_t size() const { return count_; }
  bool is(std::size_t from, std::initializer_list<std::uint8_t> operations) const {
    if (count_ != from + operations.size()) {
      return false;
    }
    for (const std::uint8_t operation : operations) {
      if (steps_[from++].operation != operation) {
        return false;
      }
    }
    return true;
  }

 private:
  std::array<Step, 16> steps_;
  std::size_t count_ = 0;
};

}  // namespace

Expression classify_expression(ByteView bytes) {
  Steps steps;
  ByteReader reader(bytes);
  while (!reader.at_end()) {
    const auto step = read_step(reader);
    if (!reader.ok() || !step || !steps.push(*step)) {
      return {};
    }
  }
  if (steps.size() == 0 || steps[0].operation != kBreg) {
    return {};
  }
  Expression found{.reg = steps[0].reg, .first = steps[0].value};
  if (steps.size() == 1) {
    found.shape = Shape::kRegister;
    return found;
  }
  if (steps.is(1, {kDerefOp}) || steps.is(1, {kDerefOp, kPlusUconst})) {
    found.shape = Shape::kDeref;
    found.second = steps.size() == 3 ? steps[2].value : 0;
    return found;
  }
  // breg N, breg I 0, lit8, mul, plus, deref[, plus_uconst K]: libcrypto's.
  const bool indexed = steps.is(1, {kBreg, kLiteral, kMul, kPlus, kDerefOp}) ||
                       steps.is(1, {kBreg, kLiteral, kMul, kPlus, kDerefOp, kPlusUconst});
  if (indexed && steps[1].value == 0 && steps[2].value == 8) {
    found.shape = Shape::kDerefIndexed;
    found.index = steps[1].reg;
    found.second = steps.size() == 7 ? steps[6].value : 0;
    return found;
  }
  // breg 8, breg rip 0, lit15, and, litN, ge, lit3, shl, plus: the linkers' for lazy PLTs.
  if (steps.is(1, {kBreg, kLiteral, kAnd, kLiteral, kGe, kLiteral, kShl, kPlus}) && steps[0].value == 8 &&
      steps[1].reg == 16 && steps[1].value == 0 && steps[2].value == 15 && steps[6].value == 3) {
    found.shape = Shape::kPlt;
    found.first = steps[4].value;
    return found;
  }
  return {};
}

}  // namespace stoker::unwind
