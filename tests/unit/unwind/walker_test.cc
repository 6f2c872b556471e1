// Rows carried out on a made-up process, frame by frame.
#include "unwind/walker.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>

#include "tests/unit/unwind/cfi_bytes.h"
#include "unwind/x86_64/encode.h"

namespace stoker::unwind::test {
namespace {

class Process : public WalkSource {
 public:
  std::map<std::uint64_t, std::uint64_t> words;
  std::map<std::uint64_t, std::byte> code;
  UnwindTables tables;
  std::uint64_t end = 0x10000;
  bool jit = false;

  bool read(std::uint64_t address, std::span<std::byte> out) override {
    for (std::size_t i = 0; i < out.size(); ++i) {
      const std::uint64_t at = address + i;
      const auto word = words.find(at & ~std::uint64_t{7});
      if (const auto byte = code.find(at); byte != code.end()) {
        out[i] = byte->second;
      } else if (word != words.end()) {
        out[i] = static_cast<std::byte>(word->second >> (8 * (at & 7)));
      } else {
        return false;
      }
    }
    return true;
  }
  std::optional<CodePlace> find(std::uint64_t pc) override {
    if (jit && pc >= 0x7000 && pc < 0x8000) {
      return CodePlace{};
    }
    return pc < end ? std::optional(CodePlace{std::nullopt, tables.find({pc}), {pc}}) : std::nullopt;
  }
};

Registers leaf(std::uint64_t pc, std::uint64_t rsp, std::uint64_t rbp = 0) {
  Registers registers;
  for (unsigned i = 0; i < 17; ++i) {
    registers.set(i, 0);
  }
  registers.set(16, pc);
  registers.set(7, rsp);
  registers.set(6, rbp);
  return registers;
}

std::vector<std::uint64_t> pcs(const Walk& walk) {
  std::vector<std::uint64_t> all;
  for (const WalkFrame& frame : walk.frames) {
    all.push_back(frame.pc);
  }
  return all;
}

// 0x1100: CFA rsp+16, rbp saved at CFA−16. 0x1200: CFA rbp+16. 0x1300: root. 0x1400: signal return.
UnwindTables usual_tables() {
  CfiBytes cfi;
  const auto cie = cfi.cie({});
  cfi.fde(cie, 0x1100, 0x10, program({0x0e, 16, 0x86, 2}));
  cfi.fde(cie, 0x1200, 0x10, program({0x0c, 6, 16, 0x86, 2}));
  cfi.fde(cie, 0x1300, 0x10, program({0x07, 16}));
  MadeElf made = cfi.file();
  const Bytes restorer = program({0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05});
  std::copy(restorer.begin(), restorer.end(), made.text.begin() + 0x400);
  return tables_of(made);
}

TEST(Walk, FramesByStackPointerAndFramePointerReachTheRoot) {
  Process process;
  process.tables = usual_tables();
  process.words = {{0x8000, 0x8020}, {0x8008, 0x1208}, {0x8020, 0}, {0x8028, 0x1305}};
  const Walk walked = walk(leaf(0x1102, 0x8000), process);
  EXPECT_EQ(pcs(walked), (std::vector<std::uint64_t>{0x1102, 0x1208, 0x1305}));
  EXPECT_EQ(walked.end, WalkEnd::kRootUndefined);
  EXPECT_TRUE(walked.frames[0].exact);
  EXPECT_FALSE(walked.frames[1].exact);
}

TEST(Walk, ACallersPcBelongsToTheInstructionBeforeIt) {
  Process process;
  process.tables = usual_tables();
  // The return address is the first byte behind the root's function.
  process.words = {{0x8000, 0}, {0x8008, 0x1310}};
  EXPECT_EQ(walk(leaf(0x1102, 0x8000), process).end, WalkEnd::kRootUndefined);
  EXPECT_EQ(walk(leaf(0x1310, 0x8000), process).end, WalkEnd::kCutNoRule) << "as a leaf it is behind it";
}

TEST(Walk, BelowASignalFrameThePcIsExactAndAllRegistersAreKnown) {
  Process process;
  process.tables = usual_tables();
  // The handler returned to 0x1400 with the ucontext at 0x8010; it had interrupted 0x1200 with another stack.
  process.words = {{0x8000, 0}, {0x8008, 0x1400}};
  for (std::uint64_t at = 40; at <= 168; at += 8) {
    process.words[0x8010 + at] = at;
  }
  process.words[0x8010 + UNWIND_X86_UC_RIP] = 0x1200;
  process.words[0x8010 + UNWIND_X86_UC_RSP] = 0x5000;
  process.words[0x8010 + UNWIND_X86_UC_RBP] = 0x5010;
  process.words[0x5010] = 0;
  process.words[0x5018] = 0x1304;
  const Walk walked = walk(leaf(0x1102, 0x8000), process);
  EXPECT_EQ(pcs(walked), (std::vector<std::uint64_t>{0x1102, 0x1400, 0x1200, 0x1304}));
  EXPECT_TRUE(walked.frames[2].exact);
  EXPECT_EQ(walked.end, WalkEnd::kRootUndefined);
}

TEST(Walk, CutsNameTheirReason) {
  Process process;
  process.tables = usual_tables();
  EXPECT_EQ(walk(leaf(0x1102, 0x8000), process).end, WalkEnd::kCutUnreadable);
  EXPECT_EQ(walk(leaf(0x1500, 0x8000), process).end, WalkEnd::kCutNoRule);
  EXPECT_EQ(walk(leaf(0x20000, 0x8000), process).end, WalkEnd::kCutNoMapping);
  EXPECT_EQ(walk(leaf(0x1202, 0x8000, 0x7000), process).end, WalkEnd::kCutNoProgress);
  process.words = {{0x8000, 0}, {0x8008, 0}};
  EXPECT_EQ(walk(leaf(0x1102, 0x8000), process).end, WalkEnd::kRootZero);
}

TEST(Walk, ADeepStackIsCutAtTheDeepestFrame) {
  Process process;
  process.tables = usual_tables();
  for (std::uint64_t at = 0x8000; at < 0x8000 + 16 * 600; at += 16) {
    process.words[at] = 0;
    process.words[at + 8] = 0x1104;
  }
  const Walk walked = walk(leaf(0x1102, 0x8000), process);
  EXPECT_EQ(walked.end, WalkEnd::kCutDepth);
  EXPECT_EQ(walked.frames.size(), kDeepestWalk);
}

TEST(Walk, FramePointersThatPointDownOrAskewAreACut) {
  Process process;
  process.jit = true;
  EXPECT_EQ(walk(leaf(0x7100, 0x8000, 0x7ff8), process).end, WalkEnd::kCutBadFramePointer);
  EXPECT_EQ(walk(leaf(0x7100, 0x8000, 0x8004), process).end, WalkEnd::kCutBadFramePointer);
  EXPECT_EQ(walk(leaf(0x7100, 0x8000, 0), process).end, WalkEnd::kRootZero);
}

// The leaf of code without tables, at each instruction of a function that makes and undoes a frame.
TEST(Walk, ALeafInItsPrologueOrEpilogueDoesNotSkipItsCaller) {
  const std::vector<std::pair<std::vector<int>, int>> code = {
      {{0x55}, 1},              // push %rbp: return address at rsp
      {{0x48, 0x89, 0xe5}, 2},  // mov %rsp,%rbp: rbp pushed
      {{0x90}, 3},              // the body goes by rbp
      {{0x5d}, 2},              // pop %rbp
      {{0xc3}, 1},              // ret
  };
  std::uint64_t pc = 0x7100;
  Process process;
  process.jit = true;
  process.tables = usual_tables();
  for (const auto& [bytes, where] : code) {
    for (const int byte : bytes) {
      process.code[pc++] = static_cast<std::byte>(byte);
    }
  }
  for (std::uint64_t at = 0x70e0; at < 0x7140; ++at) {
    process.code.emplace(at, std::byte{0xcc});
  }
  pc = 0x7100;
  for (const auto& [bytes, where] : code) {
    // The caller's return address is 0x1305 at 0x8008 whatever the state; rbp belongs to the caller until set.
    process.words = {{0x8000, 0x9000}, {0x8008, 0x1305}, {0x9000, 0}, {0x9008, 0x1208}};
    const std::uint64_t rsp = where == 1 ? 0x8008 : 0x8000;
    const std::uint64_t rbp = where == 3 ? 0x8000 : 0x9000;
    EXPECT_EQ(pcs(walk(leaf(pc, rsp, rbp), process)), (std::vector<std::uint64_t>{pc, 0x1305}))
        << std::hex << pc;
    pc += bytes.size();
  }
}

unwind_row row_of(const Bytes& instructions, CfiBytes::CieOptions options = {}) {
  CfiBytes cfi;
  cfi.fde(cfi.cie(options), 0x1000, 0x10, instructions);
  return row_at(tables_of(cfi.file()), 0x1000);
}

TEST(Encode, RulesThatOccurAreExpressed) {
  EXPECT_EQ(row_of(program({0x0e, 32})).rule, UNWIND_RSP);
  EXPECT_EQ(row_of(program({0x0e, 0x88, 0x80, 0x40})).rule, UNWIND_RSP_WIDE);
  EXPECT_EQ(row_of(program({0x0e, 12})).rule, UNWIND_RSP_WIDE);
  EXPECT_EQ(row_of(program({0x0c, 3, 56})).rule, UNWIND_REG);
  EXPECT_EQ(row_of(program({0x0f, 4, 0x77, 40, 0x06, 0x23})).rule, UNWIND_UNSUPPORTED) << "cut off";
  EXPECT_EQ(row_of(program({0x0f, 5, 0x77, 40, 0x06, 0x23, 8})).rule, UNWIND_DEREF_RSP);
  EXPECT_EQ(row_of(program({0x0f, 6, 0x76, 0x98, 1, 0x06, 0x23, 8})).rule, UNWIND_DEREF_RBP);
  EXPECT_EQ(row_of(program({0x0f, 10, 0x77, 8, 0x79, 0, 0x38, 0x1e, 0x22, 0x06, 0x23, 8})).rule,
            UNWIND_DEREF_R9);
  EXPECT_EQ(row_of(program({0x0f, 11, 0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22})).rule,
            UNWIND_PLT);
  EXPECT_EQ(row_of(program({0x0f, 3, 0x76, 0x78, 0x06, 0x10, 6, 2, 0x76, 0})).rule, UNWIND_DRAP);
  EXPECT_EQ(row_of(program({0x0c, 10, 0, 0x10, 6, 2, 0x76, 0})).rule, UNWIND_REG_DRAP);
  EXPECT_EQ(row_of(program({0x07, 16})).rule, UNWIND_END);
  EXPECT_EQ(row_of(program({0x09, 16, 5, 0x0e, 0})).rule, UNWIND_JUMP);
  EXPECT_EQ(row_of(program({0x0f, 1, 0x96})).rule, UNWIND_UNSUPPORTED);
}

TEST(Encode, SavedRegistersKeepTheirSlotsInBothPushOrders) {
  // Compilers: r15 r14 r13 r12 rbp rbx.
  unwind_row row = row_of(program({0x0e, 56, 0x8f, 2, 0x8e, 3, 0x8d, 4, 0x8c, 5, 0x86, 6, 0x83, 7}));
  EXPECT_EQ(row.rbp, 6);
  EXPECT_EQ(row.rbx, 7);
  EXPECT_EQ(row.r12_r15, 15);
  EXPECT_EQ(UNWIND_FIRST_SLOT(row.r12_r15), 2);
  // Hand-written: rbx rbp r12 r13 r14 r15.
  row = row_of(program({0x0e, 56, 0x83, 2, 0x86, 3, 0x8c, 4, 0x8d, 5, 0x8e, 6, 0x8f, 7}));
  EXPECT_EQ(row.r12_r15 & 31, 15 | UNWIND_ASCENDING);
  EXPECT_EQ(UNWIND_FIRST_SLOT(row.r12_r15), 4);
  // Some only, with a hole: r15 at 2, r12 at 4.
  row = row_of(program({0x0e, 56, 0x8f, 2, 0x8c, 4}));
  EXPECT_EQ(row.r12_r15, UNWIND_LOST);
  // rbx further away than a slot can say.
  row = row_of(program({0x0e, 56, 0x83, 0x80, 2}));
  EXPECT_EQ(row.rbx, UNWIND_LOST);
}

}  // namespace
}  // namespace stoker::unwind::test
