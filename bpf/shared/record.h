/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What crosses the ring buffer, and what configures the program. */
#ifndef STOKER_BPF_SHARED_RECORD_H
#define STOKER_BPF_SHARED_RECORD_H

#include "bpf/shared/types.h"

enum {
  MAX_KERNEL_FRAMES = 127, /* PERF_MAX_STACK_DEPTH, the default of kernel.perf_event_max_stack */
  MAX_USER_FRAMES = 512,
  MAX_FRAMES = MAX_KERNEL_FRAMES + MAX_USER_FRAMES,
  COMM_SIZE = 16, /* TASK_COMM_LEN */
};

/* User addresses need at most 57 bits. In a user frame this bit says that the address is that of the next instruction
 * to run (the leaf, or the frame a signal interrupted); without it the address is a return address. */
#define FRAME_EXACT (1ull << 63)

enum sample_flags {
  SAMPLE_HAS_STACK = 1,   /* frames follow; without it the stack is the one last sent with the same hash */
  SAMPLE_KERNEL_TASK = 2, /* a kernel thread */
  SAMPLE_STACK_COPY = 8,  /* behind the kernel frames follows a user_stack_copy instead of user frames */
  SAMPLE_UNDECIDED = 4,   /* the filter needs user space's verdict (see FILTER_COMM, FILTER_PROCESS) */
};

/* One sample. Followed, if SAMPLE_HAS_STACK, by kernel_frames and then user_frames addresses, leaf first. */
struct sample_record {
  u64 time_ns;       /* CLOCK_MONOTONIC */
  u64 stack_hash;    /* over pid, user_end and all frames; never 0 */
  u64 address_space; /* another one after each exec; 0 for kernel tasks and in the middle of an exec */
  u32 pid;           /* thread group, in the agent's PID namespace; 0 if it has no number there */
  u32 tid;
  u32 cpu;
  u16 kernel_frames;
  u16 user_frames;
  u8 flags;    /* enum sample_flags */
  u8 user_end; /* 0: at a root, or no user stack; else the STAT_cut_… that ended it */
  u8 reserved[6];
  char comm[COMM_SIZE]; /* of the thread */
};
STOKER_ASSERT(sizeof(struct sample_record) == 64, "sample_record has no padding");

/* By DWARF number, pc last. x86-64: rax rdx rcx rbx rsi rdi rbp rsp r8-r15 rip (psABI figure 3.36). aarch64: x0-x30 sp
 * pc (AADWARF64 §4.1). */
#if defined(__TARGET_ARCH_arm64) || (!defined(__bpf__) && defined(__aarch64__))
enum { USER_REGISTERS = 33, USER_SP = 31 };
#else
enum { USER_REGISTERS = 17, USER_SP = 7 };
#endif

/* A stack that the program could not walk: registers of user space, and the stack's top. size bytes of memory from start
 * on follow. */
struct user_stack_copy {
  u64 registers[USER_REGISTERS];
  u64 start;
  u32 size;
  u32 reserved;
};
STOKER_ASSERT(sizeof(struct user_stack_copy) == 8 * USER_REGISTERS + 16, "user_stack_copy has no padding");

enum {
  STACK_COPY_MAX = 65536, /* 100 frames of ordinary size take 10 KiB; a compiler's recursion reaches 60 */
  RED_ZONE = 128,         /* psABI §3.2.2: data below rsp that is live */
};

enum filter_mode {
  FILTER_NONE = 0, /* whole host */
  FILTER_PIDS = 1, /* target_pids holds all that match */
  FILTER_COMM = 2, /* comm_verdicts: unknown names are sent as undecided until user space has judged them */
  FILTER_PROCESS =
      3, /* pid_verdicts: the same by pid (containers, pods, anything only user space can tell) */
};

enum verdict { VERDICT_YES = 1, VERDICT_NO = 2 };

/* Set before the program is loaded; the verifier sees constants. */
struct sampler_config {
  u32 pid_namespace_inode; /* of the agent; 0 when it is the initial one */
  u32 filter;              /* enum filter_mode */
  u32 follow_children;     /* FILTER_PIDS: children forked by a target become targets */
  u32 kernel_stacks;
  u32 wakeup_bytes; /* wake the reader when this much is waiting; it also looks by itself ten times a second */
  u32 seen_mask;    /* entries of seen_stacks − 1 */
};

#endif
