// Reading CIEs and FDEs, and running their programs.
#include <gtest/gtest.h>

#include "tests/unit/unwind/cfi_bytes.h"
#include "unwind/cfi_program.h"
#include "unwind/cfi_sources.h"

namespace stoker::unwind::test {
namespace {

struct Ran {
  std::vector<std::uint64_t> starts;  // of each range
  std::vector<X86State> states;
  ProgramEnding ending = ProgramEnding::kDone;
};

// The rows of the only FDE of a section made of a usual CIE and the given instructions, for 0x1000 to 0x1100.
Ran run(const Bytes& instructions, CfiBytes::CieOptions options = {}) {
  CfiBytes cfi;
  cfi.fde(cfi.cie(options), 0x1000, 0x100, instructions);
  CfiReader reader(cfi.section());
  const auto fde = reader.next();
  Ran ran;
  if (!fde) {
    ADD_FAILURE() << "no FDE";
    return ran;
  }
  const Cie& cie = reader.cie(fde->cie);
  StateStack<X86State> remembered;
  const X86State nothing;
  X86State initial;
  run_program(ProgramInput<X86State>{reader.section(), cie, nothing, remembered}, cie.program, 0, 1, initial,
              [](std::uint64_t, std::uint64_t, const X86State&) {});
  X86State state = initial;
  const auto end =
      run_program(ProgramInput<X86State>{reader.section(), cie, initial, remembered}, fde->program, 0x1000,
                  0x1100, state, [&](std::uint64_t from, std::uint64_t, const X86State& row) {
                    ran.starts.push_back(from);
                    ran.states.push_back(row);
                  });
  ran.starts.push_back(end.location);
  ran.states.push_back(state);
  ran.ending = end.ending;
  return ran;
}

RegisterRule offset_rule(std::int64_t value) {
  return RegisterRule(RuleKind::kOffset, value);
}

TEST(CfiProgram, AFunctionThatPushesAndPopsHasARowForEachStep) {
  const Ran ran = run(program({0x41, 0x0e, 16, 0x86, 2, 0x43, 0x0d, 6, 0x44, 0x0c, 7, 8}));
  EXPECT_EQ(ran.starts, (std::vector<std::uint64_t>{0x1000, 0x1001, 0x1004, 0x1008}));
  EXPECT_EQ(ran.states[0].cfa, (CfaRule{CfaKind::kRegister, 7, 8}));
  EXPECT_EQ(ran.states[1].cfa, (CfaRule{CfaKind::kRegister, 7, 16}));
  EXPECT_EQ(ran.states[1].registers[6], offset_rule(-16));
  EXPECT_EQ(ran.states[2].cfa, (CfaRule{CfaKind::kRegister, 6, 16}));
  EXPECT_EQ(ran.states[3].cfa, (CfaRule{CfaKind::kRegister, 7, 8}));
  EXPECT_EQ(ran.states[3].registers[16], offset_rule(-8));
}

TEST(CfiProgram, EveryWayToAdvanceMovesTheLocation) {
  // advance_loc1 2, advance_loc2 3, advance_loc4 4, MIPS_advance_loc8 5, set_loc 0x1020.
  const Ran ran = run(program({0x02, 2, 0x03, 3, 0, 0x04, 4,    0,    0, 0, 0x1d, 5, 0, 0,
                               0,    0, 0,    0, 0, 0x01, 0x20, 0x10, 0, 0, 0,    0, 0, 0}));
  EXPECT_EQ(ran.starts, (std::vector<std::uint64_t>{0x1000, 0x1002, 0x1005, 0x1009, 0x100e, 0x1020}));
  EXPECT_EQ(ran.ending, ProgramEnding::kDone);
}

TEST(CfiProgram, AdvancesAreMultipliedByTheCodeAlignment) {
  const Ran ran = run(program({0x41, 0x0e, 16}), {.code_alignment = 4});
  EXPECT_EQ(ran.starts, (std::vector<std::uint64_t>{0x1000, 0x1004}));
}

TEST(CfiProgram, EveryRegisterRuleIsKept) {
  const Ran ran = run(program({
      0x05, 3,  2,              // offset_extended rbx, 2 × −8
      0x07, 12,                 // undefined r12
      0x08, 13,                 // same_value r13
      0x09, 14, 15,             // register r14, r15
      0x10, 6,  2,    0x76, 0,  // expression rbp: breg6 0
      0x11, 0,  0x7f,           // offset_extended_sf rax, −1 × −8
      0x14, 1,  3,              // val_offset rdx, 3 × −8
      0x15, 2,  0x7e,           // val_offset_sf rcx, −2 × −8
      0x16, 8,  1,    0x9c,     // val_expression r8
      0x2f, 9,  2,              // GNU_negative_offset_extended r9, −2 × −8
      0x2e, 32,                 // GNU_args_size
  }));
  const auto& registers = ran.states[0].registers;
  EXPECT_EQ(ran.ending, ProgramEnding::kDone);
  EXPECT_EQ(registers[3], offset_rule(-16));
  EXPECT_EQ(registers[12].kind(), RuleKind::kUndefined);
  EXPECT_EQ(registers[13].kind(), RuleKind::kSameValue);
  EXPECT_EQ(registers[14], RegisterRule(RuleKind::kRegister, 15));
  EXPECT_EQ(registers[6].kind(), RuleKind::kExpression);
  EXPECT_EQ(ExpressionRef::from(registers[6].value()).length, 2U);
  EXPECT_EQ(registers[0], offset_rule(8));
  EXPECT_EQ(registers[1], RegisterRule(RuleKind::kValOffset, -24));
  EXPECT_EQ(registers[2], RegisterRule(RuleKind::kValOffset, 16));
  EXPECT_EQ(registers[8].kind(), RuleKind::kValExpression);
  EXPECT_EQ(registers[9], offset_rule(16));
}

TEST(CfiProgram, RestoreGivesTheRuleOfTheCie) {
  const Ran ran = run(program({0x83, 2, 0x90, 4, 0x41, 0xc3, 0x06, 16}));
  EXPECT_EQ(ran.states[0].registers[3], offset_rule(-16));
  EXPECT_EQ(ran.states[0].registers[16], offset_rule(-32));
  EXPECT_FALSE(ran.states[1].registers[3].specified());
  EXPECT_EQ(ran.states[1].registers[16], offset_rule(-8));
}

TEST(CfiProgram, RestoreStateBringsBackTheCfaToo) {
  const Ran ran = run(program({0x0e, 16, 0x83, 2, 0x0a, 0x41, 0x0e, 8, 0xc3, 0x41, 0x0b}));
  EXPECT_EQ(ran.states[1].cfa.offset, 8);
  EXPECT_EQ(ran.states[2], ran.states[0]);
}

TEST(CfiProgram, TheCfaCanBeGivenInEveryForm) {
  const Ran ran =
      run(program({0x12, 6, 0x7e, 0x41, 0x13, 0x7d, 0x41, 0x0d, 3, 0x41, 0x0f, 3, 0x77, 0x08, 0x06}));
  EXPECT_EQ(ran.states[0].cfa, (CfaRule{CfaKind::kRegister, 6, 16}));
  EXPECT_EQ(ran.states[1].cfa, (CfaRule{CfaKind::kRegister, 6, 24}));
  EXPECT_EQ(ran.states[2].cfa, (CfaRule{CfaKind::kRegister, 3, 24}));
  EXPECT_EQ(ran.states[3].cfa.kind, CfaKind::kExpression);
}

TEST(CfiProgram, AdvanceLocPastTheEndOfAnFdeEndsItThere) {
  const Ran ran = run(program({0x41, 0x0e, 16, 0x03, 0xff, 0xff, 0x0e, 24}));
  EXPECT_EQ(ran.ending, ProgramEnding::kPastStop);
  EXPECT_EQ(ran.starts.back(), 0x1001U);
  EXPECT_EQ(ran.states.back().cfa.offset, 16);
}

TEST(CfiProgram, WhatCannotBeIsMalformed) {
  EXPECT_EQ(run(program({0x0b})).ending, ProgramEnding::kMalformed) << "restore_state without remember_state";
  EXPECT_EQ(run(program({0x3f})).ending, ProgramEnding::kMalformed) << "an opcode nobody defined";
  EXPECT_EQ(run(program({0x0e})).ending, ProgramEnding::kMalformed) << "an operand cut off";
  EXPECT_EQ(run(program({0x0f, 0x7f, 0x77})).ending, ProgramEnding::kMalformed) << "an expression cut off";
  EXPECT_EQ(run(program({0x0f, 1, 0x96, 0x0e, 8})).ending, ProgramEnding::kMalformed)
      << "an offset for no register";
  EXPECT_EQ(run(program({0x41, 0x01, 0, 0x10, 0, 0, 0, 0, 0, 0})).ending, ProgramEnding::kMalformed)
      << "set_loc backwards";
}

TEST(CfiProgram, RememberedStatesAreBounded) {
  Bytes many(kDeepestStateStack + 1, std::byte{0x0a});
  EXPECT_EQ(run(many).ending, ProgramEnding::kMalformed);
  many.pop_back();
  EXPECT_EQ(run(many).ending, ProgramEnding::kDone);
}

TEST(CfiProgram, NegateRaStateTogglesTheSignature) {
  const Ran ran = run(program({0x2d, 0x41, 0x2d}));
  EXPECT_TRUE(ran.states[0].return_address_signed);
  EXPECT_FALSE(ran.states[1].return_address_signed);
}

std::optional<Fde> only_fde(const CfiBytes& cfi) {
  CfiReader reader(cfi.section());
  return reader.next();
}

TEST(CfiReader, PointersOfEveryEncodingAreRead) {
  struct Case {
    int encoding;
    unsigned width;
    bool relative;
  };
  for (const Case& one :
       {Case{0x00, 8, false}, Case{0x04, 8, false}, Case{0x0c, 8, false}, Case{0x03, 4, false},
        Case{0x0b, 4, false}, Case{0x02, 2, false}, Case{0x0a, 2, false}, Case{0x10, 8, true},
        Case{0x1b, 4, true}, Case{0x1c, 8, true}}) {
    CfiBytes cfi;
    const auto cie = cfi.cie({.augmentation = "zR", .augmentation_data = program({one.encoding})});
    Bytes range;
    put(range, one.relative ? 0x1000 - cfi.next_field() : 0x1000, one.width);
    put(range, 0x20, one.width);
    cfi.fde(cie, range, {}, program({0}));
    const auto fde = only_fde(cfi);
    ASSERT_TRUE(fde.has_value()) << std::hex << one.encoding;
    EXPECT_EQ(fde->start.value, 0x1000U) << std::hex << one.encoding;
    EXPECT_EQ(fde->size, 0x20U) << std::hex << one.encoding;
  }
}

TEST(CfiReader, LebPointersAndBasesOfTextAndDataAreRead) {
  CfiBytes cfi;
  const auto leb = cfi.cie({.augmentation = "zR", .augmentation_data = program({0x01})});
  cfi.fde(leb, program({0x80, 0x20, 0x10}), {}, program({0}));
  const auto text = cfi.cie({.augmentation = "zR", .augmentation_data = program({0x23})});
  cfi.fde(text, program({4, 0, 0, 0, 8, 0, 0, 0}), {}, program({0}));
  const auto data = cfi.cie({.augmentation = "zR", .augmentation_data = program({0x3b})});
  cfi.fde(data, program({0xfc, 0xff, 0xff, 0xff, 8, 0, 0, 0}), {}, program({0}));
  CfiSection section = cfi.section();
  section.text = {0x5000};
  section.data = {0x9000};
  CfiReader reader(section);
  EXPECT_EQ(reader.next()->start.value, 0x1000U);
  EXPECT_EQ(reader.next()->start.value, 0x5004U);
  EXPECT_EQ(reader.next()->start.value, 0x8ffcU);
}

TEST(CfiReader, IndirectAndUnknownEncodingsAreMalformed) {
  for (const int encoding : {0x80, 0x9b, 0x0f, 0x60, 0xff}) {
    CfiBytes cfi;
    cfi.fde(cfi.cie({.augmentation = "zR", .augmentation_data = program({encoding})}), 0x1000, 0x20, {});
    CfiReader reader(cfi.section());
    EXPECT_FALSE(reader.next().has_value()) << std::hex << encoding;
    EXPECT_EQ(reader.malformed(), 1U);
  }
}

TEST(CfiReader, EveryAugmentationThatCompilersEmitIsUnderstood) {
  CfiBytes cfi;
  // Personality (pc-relative, indirect), language data, encoding, signal, key B, and a letter nobody knows.
  const auto full = cfi.cie(
      {.augmentation = "zPLRSBQ", .augmentation_data = program({0x9b, 1, 2, 3, 4, 0x1b, 0x00, 0x77, 0x77})});
  Bytes range;
  put(range, 0x1000, 8);
  put(range, 0x10, 8);
  cfi.fde(full, range, program({0x41}), program({4, 9, 9, 9, 9}));
  const auto old = cfi.cie({.augmentation = "eh"});
  cfi.fde(old, 0x1010, 0x10, {});
  const auto none = cfi.cie({});
  cfi.fde(none, 0x1020, 0x10, {});
  CfiReader reader(cfi.section());
  const auto first = reader.next();
  ASSERT_TRUE(first.has_value());
  EXPECT_TRUE(reader.cie(first->cie).signal_frame);
  EXPECT_EQ(first->program.end - first->program.start, 1U);
  EXPECT_EQ(reader.next()->start.value, 0x1010U);
  EXPECT_EQ(reader.next()->start.value, 0x1020U);
  EXPECT_EQ(reader.malformed(), 0U);
}

TEST(CfiReader, AnUnknownAugmentationWithoutItsSizeCannotBeRead) {
  CfiBytes cfi;
  cfi.fde(cfi.cie({.augmentation = "armcc+"}), 0x1000, 0x10, {});
  CfiReader reader(cfi.section());
  EXPECT_FALSE(reader.next().has_value());
  EXPECT_EQ(reader.malformed(), 1U);
}

TEST(CfiReader, VersionsOneThreeAndFourAreReadOthersNot) {
  for (const int version : {1, 3, 4}) {
    CfiBytes cfi(CfiKind::kDebugFrame);
    cfi.fde(cfi.cie({.version = version}), 0x1000, 0x10, {});
    EXPECT_TRUE(only_fde(cfi).has_value()) << version;
  }
  for (const int version : {0, 2, 5}) {
    CfiBytes cfi(CfiKind::kDebugFrame);
    cfi.fde(cfi.cie({.version = version}), 0x1000, 0x10, {});
    EXPECT_FALSE(only_fde(cfi).has_value()) << version;
  }
}

TEST(CfiReader, SixtyFourBitLengthsAreReadInBothSections) {
  for (const CfiKind kind : {CfiKind::kEhFrame, CfiKind::kDebugFrame}) {
    CfiBytes cfi(kind, true);
    cfi.fde(cfi.cie({}), 0x1000, 0x10, {});
    const auto fde = only_fde(cfi);
    ASSERT_TRUE(fde.has_value());
    EXPECT_EQ(fde->start.value, 0x1000U);
  }
}

TEST(CfiReader, ATerminatorEndsOnlySectionsWhoseEndIsNotKnown) {
  CfiBytes cfi;
  const auto cie = cfi.cie({});
  cfi.raw(program({0, 0, 0, 0}));
  cfi.fde(cie, 0x1000, 0x10, {});
  CfiSection section = cfi.section();
  EXPECT_TRUE(CfiReader(section).next().has_value());
  section.stops_at_terminator = true;
  EXPECT_FALSE(CfiReader(section).next().has_value());
}

TEST(CfiReader, HostileLengthsAndIdsEndOrSkipTheEntry) {
  for (const Bytes& bytes :
       {program({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}),
        program({0, 0, 0, 0x80}), program({1, 0, 0, 0, 9}),
        program({8, 0, 0, 0, 0xff, 0xff, 0, 0, 1, 2, 3, 4}), program({3}),
        program({4, 0, 0, 0, 4, 0, 0, 0})}) {
    CfiBytes cfi;
    cfi.raw(bytes);
    CfiReader reader(cfi.section());
    EXPECT_FALSE(reader.next().has_value());
    EXPECT_EQ(reader.malformed(), 1U);
  }
}

TEST(CfiSources, WithoutSectionHeadersTheHeaderSegmentLeadsToTheEntries) {
  CfiBytes cfi;
  cfi.fde(cfi.cie({}), 0x1000, 0x10, {});
  cfi.raw(program({0, 0, 0, 0}));
  MadeElf made = cfi.file();
  // version 1, eh_frame_ptr absolute udata8, no table.
  Bytes header = program({1, 0x04, 0xff, 0xff});
  put(header, CfiBytes::kAddress, 8);
  made.sections.push_back({".eh_frame_hdr", CfiBytes::kAddress + 0x1000, 2, header});
  made.eh_frame_header = ".eh_frame_hdr";
  made.section_headers = false;
  const auto tables = tables_of(made);
  EXPECT_EQ(row_at(tables, 0x1000).rule, UNWIND_RSP);
  EXPECT_EQ(row_at(tables, 0x1010).rule, UNWIND_NONE);
}

}  // namespace
}  // namespace stoker::unwind::test
