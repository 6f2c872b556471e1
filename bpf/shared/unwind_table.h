/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Unwind tables as the walkers read them, in the kernel and in user space.
 *
 * A table belongs to one ELF file. It is an array of 8-byte rows sorted by ELF address, and an array of
 * 8-byte chunk entries. A row holds from its address up to the next row's; the first row of a table always is
 * UNWIND_NONE, so every address of the table has a row in force. A chunk is 2^chunk_shift bytes of ELF
 * address, 2^9 to 2^16, chosen per table so that no chunk touches more than UNWIND_BLOCK_ROWS rows.
 *
 * Rows of all tables lie in BPF arrays whose values are blocks of UNWIND_BLOCK_ROWS rows; a table may begin
 * at any row of the array. Looking up a pc costs one map lookup for the chunk entry, one for the block, and a
 * search in place:
 *
 *   elf   = pc (pc - 1 for callers) - the mapping's bias; outside [table.start, table.end): no table row
 *   entry = chunk array[table.first_chunk + ((elf - table.start) >> table.chunk_shift)]
 *   block = entry.first_row / UNWIND_BLOCK_ROWS; low = entry.first_row % UNWIND_BLOCK_ROWS; count =
 * entry.count if low + count > UNWIND_BLOCK_ROWS:                              the chunk's rows straddle two
 * blocks if (u16)elf >= entry.split: block += 1, count -= UNWIND_BLOCK_ROWS - low, low = 0 else: count =
 * UNWIND_BLOCK_ROWS - low row   = the last of block's rows [low, low + count) that is the first of them or
 * has address <= (u16)elf
 *
 * The first row of that range is in force at the chunk's start: it may lie in an earlier chunk, so its
 * address is not looked at. unwind_find_row() below is that search, nine steps without a branch on data.
 *
 * What to do with a row (x86-64; cfa is the caller's rsp):
 *   cfa = rsp + 8 * offset (UNWIND_RSP) or rbp + 8 * offset (UNWIND_RBP), by far the most, or see enum
 * unwind_rule pc = *(cfa - 8); if (rbp) rbp = *(cfa - 8 * rbp); rsp = cfa if (rbx) remember the address cfa -
 * 8 * rbx: only rules that start from rbx (the dynamic linker's lazy binding), r13 (libmvec) or r15
 * (libcrypto) ever need it, so callers' registers are read when such a rule comes, not before.
 */
#ifndef STOKER_BPF_SHARED_UNWIND_TABLE_H
#define STOKER_BPF_SHARED_UNWIND_TABLE_H

#include "bpf/shared/types.h"

enum {
  UNWIND_BLOCK_ROWS = 512,
  UNWIND_BLOCK_BITS = 9,
  UNWIND_MIN_CHUNK_SHIFT = 9, /* 512 bytes of code hold at most 512 rows */
  UNWIND_MAX_CHUNK_SHIFT = 16,
};

/* How a row finds the caller's frame. "offset" is the row's field, N and K numbers packed into it (macros
 * below). Registers are DWARF numbers (x86-64: 0 rax 1 rdx 2 rcx 3 rbx 4 rsi 5 rdi 6 rbp 7 rsp 8-15 r8-r15;
 * aarch64: 0-30 x0-x30, 31 sp). Rules from UNWIND_FIRST_FRAME on lead to a caller, those before end the walk.
 */
enum unwind_rule {
  UNWIND_NONE = 0,        /* no table says anything here: the stack is cut */
  UNWIND_UNSUPPORTED = 1, /* a table says something that no rule can express: the stack is cut */
  UNWIND_END = 2,         /* the return address is undefined: a root */
  UNWIND_FIRST_FRAME = 3,

  /* Both architectures; on aarch64 read sp for rsp and x29 for rbp. */
  UNWIND_RSP = 3,           /* cfa = rsp + 8 * offset */
  UNWIND_RBP = 4,           /* cfa = rbp + 8 * offset */
  UNWIND_FRAME_POINTER = 5, /* no table, but code that keeps frame pointers: cfa = rbp + 16, slots as for any
                               such frame ({rbp, return address} at rbp); at the leaf the code bytes decide
                               first (bpf/shared/leaf_code.h); the walk checks that rbp grows */
  UNWIND_RSP_WIDE = 6, /* cfa = rsp + (s32)(r12_r15 << 16 | (u16)offset) sign-extended from 24 bits, in bytes;
                          r12-r15 are lost */
  UNWIND_RBP_WIDE = 7, /* the same from rbp */
  UNWIND_REG = 8,      /* cfa = register (UNWIND_REG_OF) + 8 * UNWIND_REG_OFFSET */
  UNWIND_SIGNAL = 9,   /* a signal frame: all registers are in the ucontext at register UNWIND_REG_OF + 8 *
                          UNWIND_REG_OFFSET; the caller was interrupted, its pc is exact */
  UNWIND_CONTEXT = 10, /* the same, but the caller had called (setcontext): its pc is a return address */

  /* x86-64 only. */
  UNWIND_DRAP = 11, /* GCC's realigned frames: cfa = *(rbp + 8 * offset); slots count from rbp + 8, not cfa */
  UNWIND_REG_DRAP = 12,  /* their prologue and epilogue: cfa as UNWIND_REG, slots as UNWIND_DRAP */
  UNWIND_DEREF_RSP = 13, /* cfa = *(rsp + 8 * UNWIND_DEREF_N) + 8 * UNWIND_DEREF_K */
  UNWIND_DEREF_RBP = 14, /* cfa = *(rbp + 8 * N) + 8 * K */
  UNWIND_DEREF_R9 = 15,  /* cfa = *(rsp + 8 * r9 + 8 * N) + 8 * K */
  UNWIND_PLT = 16,       /* cfa = rsp + 8 + ((pc & 15) >= offset ? 8 : 0) */
  UNWIND_JUMP = 17, /* longjmp, vfork: rsp, rbp and pc come from registers, see UNWIND_JUMP_*; slots count
                       from the new rsp */
  UNWIND_GO_SWITCH =
      18, /* Go's runtime on another stack than its caller's, which may lie lower: cfa = rbp + 16 */
  UNWIND_GOROUTINE =
      19, /* Go's morestack: pc and rsp are those saved in the thread's goroutine, see UNWIND_GO_*; all
                            other registers are lost; a root if the thread has none */
  UNWIND_RULE_COUNT
};

/* A register's field counts 8-byte words below the base (cfa, or rbp + 8 for DRAP): where the caller's value
 * lies. */
enum {
  UNWIND_SAME = 0,    /* the caller's value is the register's own */
  UNWIND_LOST = 0xff, /* it cannot be told */
};

/* x86-64's r12_r15: which of r15, r14, r13, r12 (bits 0-3) are saved, in adjacent words: bits 5-7 + 2 is the
 * first saved one's count of words below the base, each further one is a word lower, in the order r15 to r12
 * as compilers push them, or r12 to r15 if UNWIND_ASCENDING (hand-written assembly). 0: none; UNWIND_LOST:
 * cannot be told. */
#define UNWIND_SAVED_R15 1
#define UNWIND_SAVED_R14 2
#define UNWIND_SAVED_R13 4
#define UNWIND_SAVED_R12 8
#define UNWIND_ASCENDING 16
#define UNWIND_FIRST_SLOT(r12_r15) (((r12_r15) >> 5) + 2)

/* aarch64's flags. */
#define UNWIND_RA_SIGNED 1 /* the return address is signed (PAuth): its upper bits are no address bits */
#define UNWIND_PAIR \
  2 /* a large frame with {x29, x30} at its bottom: x29's slot is rbp | lr << 8, x30's is one less */

/* UNWIND_REG and relatives: register in bits 0-4, words (signed) in bits 5-15. */
#define UNWIND_REG_OF(offset) ((offset) & 31)
#define UNWIND_REG_OFFSET(offset) ((offset) >> 5)
/* UNWIND_DEREF_*: K in bits 0-5 (unsigned), N in bits 6-15 (signed). */
#define UNWIND_DEREF_K(offset) ((offset) & 63)
#define UNWIND_DEREF_N(offset) ((offset) >> 6)
/* UNWIND_JUMP: register of the new rsp in bits 0-3, words added to it in bits 12-15, register of the new pc
 * in bits 8-11, register of the new rbp in bits 4-7 (6: unless the row's rbp says otherwise). */
#define UNWIND_JUMP_RSP(offset) ((offset) & 15)
#define UNWIND_JUMP_RBP(offset) (((offset) >> 4) & 15)
#define UNWIND_JUMP_PC(offset) (((offset) >> 8) & 15)
#define UNWIND_JUMP_WORDS(offset) (((offset) >> 12) & 15)

/* UNWIND_END where makecontext and its kind, not a call, put the function's first address on the stack. */
enum { UNWIND_END_AT_START = 1 };

/* UNWIND_REG of a caller by a register that calls need not preserve: a frame is no larger. */
enum { UNWIND_LARGEST_GUESSED = 1 << 16 };

/* UNWIND_GOROUTINE: on the system's stack the thread's own g lies at %fs:-8; g.m at 48 in it, m.curg at 8 * offset in
 * that, and there sched.sp and sched.pc from 56 on (Go's src/runtime/runtime2.go; the same from Go 1.5 to 1.26 but for
 * curg). */
enum { UNWIND_GO_G = -8, UNWIND_GO_M = 48, UNWIND_GO_SCHED = 56, UNWIND_GO_MOST_CURG = 1023 };

struct unwind_row {
  u16 address; /* low 16 bits of the ELF address from which the row holds */
  u8 rule;     /* enum unwind_rule */
  u8 rbp;      /* slot of rbp; x29 on aarch64 */
  union {
    u8 rbx; /* x86-64: slot of rbx */
    u8 lr;  /* aarch64: slot of x30, UNWIND_SAME while the return address is in x30 */
  };
  union {
    u8 r12_r15; /* x86-64 */
    u8 flags;   /* aarch64: UNWIND_RA_SIGNED */
  };
  s16 offset;
};
STOKER_ASSERT(sizeof(struct unwind_row) == 8, "a row is 8 bytes");
STOKER_ASSERT(__builtin_offsetof(struct unwind_row, rule) == 2, "unwind_row.rule");
STOKER_ASSERT(__builtin_offsetof(struct unwind_row, rbp) == 3, "unwind_row.rbp");
STOKER_ASSERT(__builtin_offsetof(struct unwind_row, rbx) == 4, "unwind_row.rbx");
STOKER_ASSERT(__builtin_offsetof(struct unwind_row, r12_r15) == 5, "unwind_row.r12_r15");
STOKER_ASSERT(__builtin_offsetof(struct unwind_row, offset) == 6, "unwind_row.offset");

/* The value of the rows' BPF array. */
struct unwind_block {
  struct unwind_row rows[UNWIND_BLOCK_ROWS];
};
STOKER_ASSERT(sizeof(struct unwind_block) == 4096, "a block is a page");

struct unwind_chunk {
  u32 first_row; /* in the array: the row in force at the chunk's start */
  u16 count;     /* rows from there to the chunk's end: 1 to UNWIND_BLOCK_ROWS */
  u16 split; /* low 16 bits of the address of the first row of the second block, where count reaches into one
              */
};
STOKER_ASSERT(sizeof(struct unwind_chunk) == 8, "a chunk entry is 8 bytes");

/* The fields of a row as one little-endian word: their first bits, and those that are not all 0 when the caller's rbx or
 * r12-r15 are not the registers' own. */
enum { UNWIND_ROW_RULE = 16, UNWIND_ROW_RBP = 24, UNWIND_ROW_OFFSET = 48 };
#define UNWIND_ROW_SAVES 0x0000ffff00000000ull

/* The slot that x86-64's r12_r15 gives the register of a bit (0 is r15); not for UNWIND_LOST. */
static inline u32 unwind_slot_r12_r15(u32 packed, u32 bit) {
  bit &= 3;
  if ((packed >> bit & 1) == 0) {
    return UNWIND_SAME;
  }
  u32 before = (packed & ((1u << bit) - 1)) & 7; /* those saved that have a lower bit */
  u32 all = packed & 15;
  u32 lower = (before & 1) + (before >> 1 & 1) + (before >> 2 & 1);
  u32 total = (all & 1) + (all >> 1 & 1) + (all >> 2 & 1) + (all >> 3 & 1);
  return UNWIND_FIRST_SLOT(packed) + ((packed & UNWIND_ASCENDING) != 0 ? total - 1 - lower : lower);
}

/* Where the rows lie that may be in force at an address: rows [low, low + count) of a block. */
struct unwind_place {
  u32 block;
  u32 low;
  u32 count;
};

/* address: the low 16 bits of an ELF address in the chunk. */
static inline struct unwind_place unwind_chunk_place(const struct unwind_chunk *chunk, u16 address) {
  struct unwind_place place = {chunk->first_row >> UNWIND_BLOCK_BITS,
                               chunk->first_row & (UNWIND_BLOCK_ROWS - 1), chunk->count};
  if (place.low + place.count > UNWIND_BLOCK_ROWS) {
    u32 here = UNWIND_BLOCK_ROWS - place.low;
    if (address >= chunk->split) {
      place.block++;
      place.count -= here;
      place.low = 0;
    } else {
      place.count = here;
    }
  }
  return place;
}

/* All ones if a < b, else 0, for values below 2^63. The barriers keep the compiler from making a branch of it: a verifier
 * follows both sides of every branch, and a search of nine steps would be 512 paths. */
static inline u64 unwind_less(u64 a, u64 b) {
  __asm__ volatile("" : "+r"(a), "+r"(b));
  u64 mask = (u64)((s64)(a - b) >> 63);
  __asm__ volatile("" : "+r"(mask));
  return mask;
}

/* Index in rows[] of the row in force at an address whose low 16 bits are given, among rows [low, low + count); low +
 * count <= UNWIND_BLOCK_ROWS, count >= 1. Halves the rows that are left until one is; with one left a step changes
 * nothing, so each number of steps serves any smaller count. The masks change nothing either; they show the verifier
 * that no read leaves the block. */
static inline u32 unwind_find_row(const struct unwind_row *rows, u32 low, u32 count, u16 address) {
  u64 at = low;
  u64 left = count;
  u32 steps = count <= 32 ? 5 : count <= 128 ? 7 : UNWIND_BLOCK_BITS;
  for (u32 step = 0; step < UNWIND_BLOCK_BITS; step++) {
    if (step >= steps) {
      break;
    }
    u64 half = left >> 1;
    at += half & ~unwind_less(address, rows[(at + half) & (UNWIND_BLOCK_ROWS - 1)].address);
    left -= half;
  }
  return (u32)at & (UNWIND_BLOCK_ROWS - 1);
}

/* Where in a ucontext (at UNWIND_SIGNAL's base) the registers lie: asm/sigcontext.h, asm/ucontext.h of Linux.
 * x86-64: uc_mcontext follows uc_flags, uc_link and uc_stack (40 bytes). The kernel leaves rsp at the
 * ucontext when the handler has returned. aarch64: uc_mcontext lies 176 bytes in (uc_sigmask padded to 128,
 * aligned to 16): fault_address, then x0-x30, sp, pc; the frame has a siginfo of 128 bytes below the
 * ucontext, at sp. */
enum {
  UNWIND_X86_UC_R8 = 40, /* r8 to r15, each 8 bytes on */
  UNWIND_X86_UC_RDI = 104,
  UNWIND_X86_UC_RSI = 112,
  UNWIND_X86_UC_RBP = 120,
  UNWIND_X86_UC_RBX = 128,
  UNWIND_X86_UC_RDX = 136,
  UNWIND_X86_UC_RAX = 144,
  UNWIND_X86_UC_RCX = 152,
  UNWIND_X86_UC_RSP = 160,
  UNWIND_X86_UC_RIP = 168,
  UNWIND_ARM_UC_X0 = 184, /* x0 to x30, each 8 bytes on */
  UNWIND_ARM_UC_SP = 432,
  UNWIND_ARM_UC_PC = 440,
};

#endif
