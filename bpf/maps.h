/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Maps, the program's constants, and the counters. */
#ifndef STOKER_BPF_MAPS_H
#define STOKER_BPF_MAPS_H

#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "bpf/shared/record.h"
#include "bpf/shared/stats.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

#include "unwind_maps.h"

#if defined(__TARGET_ARCH_arm64)
#define WALK_ARM64
#endif
#include "walk.h"

const volatile struct sampler_config config = {};

/* Raised by user space at each window's end, and whenever it may have lost a stack: stacks are then sent whole again, so
 * that it need not remember any for longer than two windows. */
u64 epoch = 0;

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 20); /* set by the loader */
} ring SEC(".maps");

/* A direct-mapped set of stack hashes sent in this epoch: one word an entry, so a lookup is one array access and two
 * CPUs that meet in one entry at worst send a stack twice. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __type(key, u32);
  __type(value, u64);
  __uint(max_entries, 1 << 14);
} seen_stacks SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __type(key, u32);
  __type(value, u64);
  __uint(max_entries, STAT_COUNT);
} stats SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, u32);
  __type(value, u8);
  __uint(max_entries, 65536);
} target_pids SEC(".maps");

struct comm_key {
  char comm[COMM_SIZE];
};

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __type(key, struct comm_key);
  __type(value, u8);
  __uint(max_entries, 4096);
} comm_verdicts SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __type(key, u32);
  __type(value, u8);
  __uint(max_entries, 16384);
} pid_verdicts SEC(".maps");

/* A power of two above MAX_FRAMES, so that one mask bounds any index; the rest of the room is for a stack's copy. */
enum {
  FRAME_SLOTS = 1024,
  COPY_SLOTS = (MAX_KERNEL_FRAMES * 8 + sizeof(struct user_stack_copy) + STACK_COPY_MAX + 4096) / 8,
};

/* The mask is written in assembly: the compiler, which knows better, would drop it, and the verifier would not follow. */
ALWAYS_INLINE u64 frame_slot(u64 index) {
  asm volatile("%0 &= 1023" : "+r"(index));
  return index;
}

/* What a walk starts from. */
struct user_registers {
  u64 values[USER_REGISTERS];
};

/* One sample being made. A perf event's program never interrupts itself on one CPU, so one per CPU is enough; not a
 * per-CPU map, whose values may have 32 KiB at the most. What an ordinary sample touches lies on one page: each one more
 * is found cold. */
struct scratch {
  struct walk walk;
  struct user_registers registers;
  u32 unknown_process;
  struct sample_record record; /* sent with the frames behind it */
  u64 frames[COPY_SLOTS];
} __attribute__((aligned(4096)));

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE); /* for its values to begin on a page */
  __type(key, u32);
  __type(value, struct scratch);
  __uint(max_entries, 1); /* set by the loader: possible CPUs */
} scratches SEC(".maps");

ALWAYS_INLINE struct scratch *this_scratch(void) {
  u32 cpu = bpf_get_smp_processor_id();
  return bpf_map_lookup_elem(&scratches, &cpu);
}

static inline struct walk *walk_state(void) {
  struct scratch *scratch = this_scratch();
  return scratch ? &scratch->walk : 0;
}

/* One step of a 64-bit hash with full avalanche a frame (the finalizer's constants of MurmurHash3, public domain). */
ALWAYS_INLINE u64 mix(u64 hash, u64 value) {
  hash = (hash ^ value) * 0xff51afd7ed558ccdull;
  return hash ^ (hash >> 32);
}

/* Behind the kernel frames, and into the hash. */
static inline void walk_take(struct walk *w, u64 frame) {
  struct scratch *scratch = (struct scratch *)w; /* its first member */
  scratch->frames[frame_slot(scratch->record.kernel_frames + w->taken)] = frame;
  scratch->record.stack_hash = mix(scratch->record.stack_hash, frame);
}

ALWAYS_INLINE void count(u32 id) {
  u64 *counter = bpf_map_lookup_elem(&stats, &id);
  if (counter) {
    ++*counter;
  }
}

#endif
