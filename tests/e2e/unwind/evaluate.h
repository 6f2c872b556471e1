// What a row in full generality means, worked out the plain way: to compare with what a walker makes of the
// same row in eight bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "unwind/rows.h"
#include "unwind/walker.h"

namespace stoker::unwind::test {

// A process in which every address can be read and every register and word has a value of its own: those of
// memory lie above those of the registers, those above rsp, so that stacks only go up.
class MadeUpProcess : public WalkSource {
 public:
  bool read(std::uint64_t address, std::span<std::byte> out) override;
  std::optional<CodePlace> find(std::uint64_t) override { return std::nullopt; }
  static std::uint64_t word(std::uint64_t address);
  static Registers registers(elf::Machine machine);
};

// A DWARF expression of the operations that CFI has; nullopt for others. pushed: the stack it begins with.
std::optional<std::uint64_t> evaluate_expression(ByteView expression, const Registers& registers);

// The caller's registers, by DWARF number; a register whose value cannot be told is not known. sp is the CFA
// unless the row says otherwise; the return address's register becomes the pc.
template <typename State>
std::optional<Registers> evaluate_row(const State& state, ByteView section, const Registers& registers,
                                      unsigned sp, unsigned return_address, unsigned pc);

}  // namespace stoker::unwind::test
