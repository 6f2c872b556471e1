/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The kernel types the programs use, and of each only the fields they use. Offsets here mean nothing: libbpf rewrites
 * every access for the running kernel from its BTF (CO-RE), which is what preserve_access_index asks for.
 */
#ifndef STOKER_BPF_VMLINUX_H
#define STOKER_BPF_VMLINUX_H

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s8 s8;
typedef __s16 s16;
typedef __s32 s32;
typedef __s64 s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef _Bool bool;

enum {
  false = 0,
  true = 1,
};

enum bpf_map_type {
  BPF_MAP_TYPE_HASH = 1,
  BPF_MAP_TYPE_ARRAY = 2,
  BPF_MAP_TYPE_PERCPU_ARRAY = 6,
  BPF_MAP_TYPE_LRU_HASH = 9,
  BPF_MAP_TYPE_ARRAY_OF_MAPS = 12,
  BPF_MAP_TYPE_RINGBUF = 27,
};

enum {
  BPF_ANY = 0,
  BPF_NOEXIST = 1,
};

enum {
  BPF_F_NO_PREALLOC = 1 << 0,
  BPF_F_MMAPABLE = 1 << 10,
};

enum {
  BPF_RB_NO_WAKEUP = 1 << 0,
  BPF_RB_FORCE_WAKEUP = 1 << 1,
};

enum {
  BPF_RB_AVAIL_DATA = 0,
};

/* Present in BTF where the helper is: bpf_core_enum_value_exists asks. */
enum bpf_func_id {
  BPF_FUNC_get_current_task_btf = 158,
  BPF_FUNC_task_pt_regs = 175,
};

/* uapi: layouts that never change. The context of a perf event's program must be read in whole words, and CO-RE would
 * follow newer kernels in narrowing cs to 16 bits. */
#if defined(__TARGET_ARCH_x86)
struct bpf_user_regs {
  unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp,
      ss;
};
#elif defined(__TARGET_ARCH_arm64)
struct bpf_user_regs {
  u64 regs[31];
  u64 sp;
  u64 pc;
  u64 pstate;
};
#endif

struct bpf_perf_event_data {
  struct bpf_user_regs regs;
  __u64 sample_period;
  __u64 addr;
};

struct bpf_raw_tracepoint_args {
  __u64 args[2];
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* The kernel's own, inside the kernel's memory: read through CO-RE. */
#if defined(__TARGET_ARCH_x86)
struct pt_regs {
  unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp,
      ss;
};
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs {
  u64 regs[31];
  u64 sp;
  u64 pc;
  u64 pstate;
};
#endif

struct ns_common {
  unsigned int inum;
};

struct pid_namespace {
  struct ns_common ns;
};

struct upid {
  int nr;
  struct pid_namespace *ns;
};

struct pid {
  unsigned int level;
  struct upid numbers[1];
};

struct signal_struct {
  struct pid *pids[4];
};

struct mm_struct {
  unsigned long end_code;
};

#if defined(__TARGET_ARCH_x86)
struct thread_struct {
  unsigned long fsbase;
};
#endif

struct task_struct {
  void *stack;
  unsigned int flags;
  int pid;
  int tgid;
  struct mm_struct *mm;
  struct task_struct *group_leader;
  struct signal_struct *signal;
  struct pid *thread_pid;
  char comm[16];
  unsigned long long self_exec_id;
#if defined(__TARGET_ARCH_x86)
  struct thread_struct thread;
#endif
};

#pragma clang attribute pop

#endif
