// aarch64: frame records in code without tables, and what linkers write without unwind information.
#include <gtest/gtest.h>

#include <map>

#include "tests/unit/unwind/cfi_bytes.h"
#include "unwind/walker.h"

namespace stoker::unwind::test {
namespace {

constexpr std::uint32_t kPush = 0xa9be7bfd;      // stp x29, x30, [sp, #-32]!
constexpr std::uint32_t kSetFrame = 0x910003fd;  // mov x29, sp
constexpr std::uint32_t kWork = 0x91000400;      // add x0, x0, #1
constexpr std::uint32_t kPop = 0xa8c27bfd;       // ldp x29, x30, [sp], #32
constexpr std::uint32_t kAuthenticate = 0xd50323bf;
constexpr std::uint32_t kReturn = 0xd65f03c0;
constexpr std::uint32_t kTailCall = 0x14001000;
constexpr std::uint32_t kTrap = 0xd4200000;  // brk #0

void write(MadeElf& made, std::uint64_t at, const std::vector<std::uint32_t>& code) {
  Bytes bytes;
  for (const std::uint32_t instruction : code) {
    put(bytes, instruction, 4);
  }
  std::ranges::copy(bytes, made.text.begin() + static_cast<std::ptrdiff_t>(at - made.text_address));
}

Bytes arm_cie() {
  return program({0x0c, 31, 0});  // def_cfa sp+0
}

// A JIT's code at 0x7000, of no file, and a file's at 0x1000; memory in words.
class Process : public WalkSource {
 public:
  std::map<std::uint64_t, std::uint64_t> words;
  std::vector<std::uint32_t> code;
  UnwindTables tables;

  bool read(std::uint64_t address, std::span<std::byte> out) override {
    for (std::size_t i = 0; i < out.size(); ++i) {
      const std::uint64_t at = address + i;
      const auto found = words.find(at & ~std::uint64_t{7});
      if (at >= 0x7000 && at < 0x7000 + 4 * code.size()) {
        out[i] = static_cast<std::byte>(code[(at - 0x7000) / 4] >> (8 * (at & 3)));
      } else if (at >= 0x6f00 && at < 0x8000) {
        out[i] = std::byte{};
      } else if (found != words.end()) {
        out[i] = static_cast<std::byte>(found->second >> (8 * (at & 7)));
      } else {
        return false;
      }
    }
    return true;
  }
  std::optional<CodePlace> find(std::uint64_t pc) override {
    return pc >= 0x7000 ? CodePlace{} : CodePlace{std::nullopt, tables.find({pc}), {pc}};
  }
};

Walk walk_from(Process& process, std::uint64_t pc, std::uint64_t sp, std::uint64_t fp, std::uint64_t lr) {
  Registers registers;
  registers.set(32, pc);
  registers.set(31, sp);
  registers.set(29, fp);
  registers.set(30, lr);
  return walk(registers, process, {.machine = elf::Machine::kAarch64});
}

std::vector<std::uint64_t> pcs(const Walk& walk) {
  std::vector<std::uint64_t> all;
  for (const WalkFrame& frame : walk.frames) {
    all.push_back(frame.pc);
  }
  return all;
}

// A function of no file that is called from 0x7808, itself called from a root.
void expect_caller_is_found(const std::vector<std::uint32_t>& code, std::size_t framed_from,
                            std::size_t framed_to) {
  Process process;
  process.code = code;
  // The function's record, its caller's record, and the end of the chain.
  process.words = {{0x8000, 0x8020}, {0x8008, 0x7808}, {0x8020, 0}, {0x8028, 0x7904}};
  for (std::size_t i = 0; i < code.size(); ++i) {
    const std::uint64_t pc = 0x7000 + 4 * i;
    const bool framed = i >= framed_from && i < framed_to;
    const Walk walked = framed ? walk_from(process, pc, 0x8000, 0x8000, 0x7010)  // has called something
                               : walk_from(process, pc, 0x8020, 0x8020, 0x7808);
    EXPECT_EQ(pcs(walked), (std::vector<std::uint64_t>{pc, 0x7808, 0x7904})) << "instruction " << i;
    EXPECT_EQ(walked.end, WalkEnd::kRootZero);
  }
}

TEST(Aarch64, ALeafThatHasNotMadeItsFrameOrHasUndoneItDoesNotSkipItsCaller) {
  expect_caller_is_found({kPush, kSetFrame, kWork, kWork, kPop, kAuthenticate, kReturn}, 2, 5);
}

TEST(Aarch64, AnEpilogueMayEndInATailCall) {
  expect_caller_is_found({kPush, kSetFrame, kWork, kPop, kAuthenticate, kTailCall}, 2, 4);
}

TEST(Aarch64, APrologueBehindATrapIsOfAnotherFunction) {
  expect_caller_is_found({kPush, kSetFrame, kWork, kTrap, kPush, kSetFrame}, 2, 4);
}

// 0x1100: CFA sp+64, {x29, x30} at the frame's bottom. 0x1200: the same with the record further up. 0x1300: a root.
UnwindTables usual_tables() {
  CfiBytes cfi;
  const auto cie = cfi.cie({.instructions = arm_cie(), .return_address = 30});
  cfi.fde(cie, 0x1100, 0x10, program({0x0e, 64, 0x9d, 8, 0x9e, 7}));
  cfi.fde(cie, 0x1200, 0x10, program({0x0e, 64, 0x9d, 4, 0x9e, 3}));
  cfi.fde(cie, 0x1300, 0x10, program({0x07, 30}));
  MadeElf made = cfi.file();
  made.machine = elf::Machine::kAarch64;
  return tables_of(made);
}

TEST(Aarch64, BelowCodeOfNoFileTheStackPointerIsWhereTheNextRecordIs) {
  Process process;
  process.tables = usual_tables();
  process.code.assign(32, kWork);
  // Of the record at 0x8000 nobody knows how far above it its frame ends.
  process.words = {{0x8000, 0x8100}, {0x8008, 0x1104}, {0x8100, 0}, {0x8108, 0x1304}};
  const Walk walked = walk_from(process, 0x7010, 0x7ff0, 0x8000, 0);
  EXPECT_EQ(pcs(walked), (std::vector<std::uint64_t>{0x7010, 0x1104, 0x1304}));
  EXPECT_EQ(walked.end, WalkEnd::kRootUndefined);
}

TEST(Aarch64, WithoutARecordAtItsBottomALostStackPointerIsACut) {
  Process process;
  process.tables = usual_tables();
  process.code.assign(32, kWork);
  process.words = {{0x8000, 0x8100}, {0x8008, 0x1204}, {0x8100, 0}, {0x8108, 0x1304}};
  EXPECT_EQ(walk_from(process, 0x7010, 0x7ff0, 0x8000, 0).end, WalkEnd::kCutLostRegister);
}

TEST(Aarch64, BitsAboveAnAddressAreASignature) {
  Process process;
  process.tables = usual_tables();
  process.words = {{0x8000, 0}, {0x8008, 0x0047'0000'0000'1304}};
  EXPECT_EQ(pcs(walk_from(process, 0x1104, 0x8000, 0, 0)), (std::vector<std::uint64_t>{0x1104, 0x1304}));
}

MadeElf arm_file() {
  MadeElf made;
  made.machine = elf::Machine::kAarch64;
  made.text.assign(0x1000, std::byte{});
  return made;
}

void add_section(MadeElf& made, const std::string& name, std::uint64_t address,
                 const std::vector<std::uint32_t>& code) {
  write(made, address, code);
  const auto first = made.text.begin() + static_cast<std::ptrdiff_t>(address - made.text_address);
  made.sections.push_back({.name = name,
                           .address = address,
                           .flags = 6,
                           .bytes = Bytes(first, first + static_cast<std::ptrdiff_t>(4 * code.size()))});
}

struct Where {
  int offset;  // in words
  unsigned x29;
  unsigned x30;
  bool operator==(const Where&) const = default;
};
Where where(const UnwindTables& tables, std::uint64_t address) {
  const unwind_row row = row_at(tables, address);
  EXPECT_EQ(row.rule, UNWIND_RSP) << std::hex << address;
  return {row.offset, row.rbp, row.lr};
}
constexpr Where kInLink{0, UNWIND_SAME, UNWIND_SAME};

TEST(Aarch64, StubsOfThePltHaveTheirCallerInTheLinkRegister) {
  MadeElf made = arm_file();
  // As GNU ld and lld write it, with landing pads: bti c; stp x16, x30, [sp, #-16]!; …; br x17. Then a stub.
  add_section(
      made, ".plt", 0x1100,
      {0xd503245f, 0xa9bf7bf0, 0xb0000090, 0xf943c611, 0x911e2210, 0xd61f0220, 0xd503201f, 0xd503201f,  //
       0xb0000090, 0xf943ca11, 0x911e4210, 0xd61f0220});
  const UnwindTables tables = tables_of(made);
  EXPECT_EQ(where(tables, 0x1104), kInLink);
  EXPECT_EQ(where(tables, 0x1108), (Where{2, UNWIND_SAME, 1}));
  EXPECT_EQ(where(tables, 0x111c), (Where{2, UNWIND_SAME, 1}));
  EXPECT_EQ(where(tables, 0x1120), kInLink);
  EXPECT_EQ(where(tables, 0x112c), kInLink);
  EXPECT_EQ(row_at(tables, 0x1130).rule, UNWIND_NONE);
}

TEST(Aarch64, InitIsAFunctionPutTogetherByTheLinker) {
  MadeElf made = arm_file();
  add_section(made, ".init", 0x1200,
              {0xd503201f, 0xa9bf7bfd, 0x910003fd, 0x94000100, 0xa8c17bfd, 0xd65f03c0});
  const UnwindTables tables = tables_of(made);
  EXPECT_EQ(where(tables, 0x1204), kInLink);
  EXPECT_EQ(where(tables, 0x1208), (Where{2, 2, 1}));
  EXPECT_EQ(where(tables, 0x1210), (Where{2, 2, 1}));
  EXPECT_EQ(where(tables, 0x1214), kInLink);
}

TEST(Aarch64, CodeWithoutUnwindInformationGoesByItsStacksHeight) {
  MadeElf made = arm_file();
  write(made, 0x1200, {0x94000004, kReturn});  // a call of 0x1210 says that a function begins there
  write(made, 0x1210, {kPush, kSetFrame, kWork, kPop, kReturn});
  const UnwindTables tables = tables_of(made);
  EXPECT_EQ(where(tables, 0x1210), kInLink);
  EXPECT_EQ(where(tables, 0x1218), (Where{4, 4, 3}));
  EXPECT_EQ(where(tables, 0x1220), kInLink);
  EXPECT_EQ(row_at(tables, 0x1300).rule, UNWIND_NONE);
}

TEST(Aarch64, ASignalsReturnIsASignalFrameInItsSystemCallToo) {
  MadeElf made = arm_file();
  write(made, 0x1200, {0xd2801168, 0xd4000001});  // mov x8, #139; svc #0
  const UnwindTables tables = tables_of(made);
  EXPECT_EQ(row_at(tables, 0x11fe).rule, UNWIND_NONE);
  EXPECT_EQ(row_at(tables, 0x11ff).rule, UNWIND_SIGNAL);
  EXPECT_EQ(row_at(tables, 0x1208).rule, UNWIND_SIGNAL);
  EXPECT_EQ(row_at(tables, 0x120c).rule, UNWIND_NONE);
}

// glibc's _dl_runtime_resolve: CFA sp+208, return address at CFA+8, as the PLT's 16 bytes are not counted.
TEST(Aarch64, LazyBindingHasWhatThePltPushedInItsFrame) {
  CfiBytes cfi;
  const auto cie = cfi.cie({.instructions = arm_cie(), .return_address = 30});
  cfi.fde(cie, 0x1100, 0x10, program({0x0e, 0xd0, 1, 0x11, 30, 0x7f}));
  MadeElf made = cfi.file();
  made.machine = elf::Machine::kAarch64;
  EXPECT_EQ(where(tables_of(made), 0x1100), (Where{28, UNWIND_SAME, 1}));
}

TEST(Aarch64, TheStartOfACoroutineIsARootFromTheByteBefore) {
  CfiBytes cfi;
  const auto cie = cfi.cie({.instructions = arm_cie(), .return_address = 30});
  cfi.fde(cie, 0x1180, 0x10, program({}));
  MadeElf made = cfi.file();
  made.machine = elf::Machine::kAarch64;
  // nop; mov x0, x19; cbnz x0, …; b …
  write(made, 0x1180, {0xd503201f, 0xaa1303e0, 0xb5000000, 0x14000000});
  const UnwindTables tables = tables_of(made);
  EXPECT_EQ(row_at(tables, 0x117f).rule, UNWIND_END);
  EXPECT_EQ(row_at(tables, 0x1180).rule, UNWIND_END);
}

}  // namespace
}  // namespace stoker::unwind::test
