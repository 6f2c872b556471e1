/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* CPU samples: on each event of a per-CPU perf event, the stacks of the task that is running. */
#include "maps.h"

#include "filter.h"
#include "task.h"
#include "user_stack.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* One step of a 64-bit hash with full avalanche a frame (the finalizer's constants of MurmurHash3, public domain). */
ALWAYS_INLINE u64 mix(u64 hash, u64 value) {
  hash = (hash ^ value) * 0xff51afd7ed558ccdull;
  return hash ^ (hash >> 32);
}

struct hash_walk {
  u64 hash;
  u32 frames;
};

static long hash_step(u32 index, struct hash_walk *walk) {
  struct scratch *scratch = bpf_map_lookup_elem(&scratches, &(u32){0});
  if (!scratch || index >= walk->frames) {
    return 1;
  }
  walk->hash = mix(walk->hash, scratch->frames[frame_slot(index)]);
  return 0;
}

ALWAYS_INLINE u64 stack_hash(const struct sample_record *record) {
  struct hash_walk walk = {.frames = (u32)record->kernel_frames + record->user_frames};
  walk.hash = mix(record->pid, (u64)record->kernel_frames << 8 | record->user_end);
  if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_loop)) {
    bpf_loop(MAX_FRAMES, hash_step, &walk, 0);
  } else {
    for (u32 i = 0; i < MAX_FRAMES; i++) {
      if (hash_step(i, &walk) != 0) {
        break;
      }
    }
  }
  return walk.hash ? walk.hash : 1;
}

/* Sends the sample, with its frames unless this epoch has seen them. Only what the ring took counts as seen. */
ALWAYS_INLINE void emit(struct scratch *scratch) {
  struct sample_record *record = &scratch->record;
  u64 mark = record->stack_hash ^ (epoch * 0x9e3779b97f4a7c15ull);
  u32 index = (u32)record->stack_hash & config.seen_mask;
  u64 *seen = bpf_map_lookup_elem(&seen_stacks, &index);
  u64 size = sizeof(*record);
  if (!seen || *seen != mark) {
    u32 frames = (u32)record->kernel_frames + record->user_frames;
    if (frames > MAX_FRAMES) {
      frames = MAX_FRAMES;
    }
    record->flags |= SAMPLE_HAS_STACK;
    size += (u64)frames * sizeof(u64);
  }
  u64 wakeup = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) >= config.wakeup_bytes ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
  if (bpf_ringbuf_output(&ring, scratch, size, wakeup) != 0) {
    count(STAT_ring_full);
    return;
  }
  if (record->flags & SAMPLE_HAS_STACK) {
    count(STAT_stacks_sent);
    if (seen) {
      *seen = mark;
    }
  }
}

SEC("perf_event")
int sample_cpu(struct bpf_perf_event_data *ctx) {
  u64 now = bpf_ktime_get_ns();
  struct task_struct *task = (struct task_struct *)bpf_get_current_task();
  if (BPF_CORE_READ(task, pid) == 0) { /* each CPU's idle task */
    count(STAT_idle_skipped);
    return 0;
  }
  struct task_ids ids = task_ids(task);
  enum decision decision = filter_task(task, ids.pid);
  if (decision == DECIDED_NO) {
    count(STAT_filtered);
    return 0;
  }
  count(STAT_taken);
  if (ids.pid == 0) {
    count(STAT_outside_namespace);
  }
  struct scratch *scratch = bpf_map_lookup_elem(&scratches, &(u32){0});
  if (!scratch) {
    count(STAT_no_scratch);
    return 0;
  }

  struct sample_record *record = &scratch->record;
  record->time_ns = now;
  record->cgroup_id = bpf_get_current_cgroup_id();
  record->pid = ids.pid;
  record->tid = ids.tid;
  record->cpu = bpf_get_smp_processor_id();
  record->kernel_frames = 0;
  record->user_frames = 0;
  record->flags = decision == UNDECIDED ? SAMPLE_UNDECIDED : 0;
  record->user_end = 0;
  bpf_get_current_comm(record->comm, sizeof(record->comm));

  if (config.kernel_stacks && !IN_USER_MODE(&ctx->regs)) {
    long bytes = bpf_get_stack(ctx, scratch->frames, MAX_KERNEL_FRAMES * sizeof(u64), 0);
    if (bytes >= 0) {
      record->kernel_frames = (u64)bytes / sizeof(u64);
    } else {
      count(STAT_kernel_stack_failed);
    }
  }

  if (is_kernel_task(task)) {
    record->flags |= SAMPLE_KERNEL_TASK;
  } else {
    struct user_registers regs;
    record->user_end = user_registers(ctx, task, &regs) ? walk_user_stack(scratch, &regs) : STAT_cut_no_registers;
    if (record->user_end != 0) {
      count(record->user_end);
    }
  }
  record->stack_hash = stack_hash(record);
  emit(scratch);
  return 0;
}

/* A target's child is a target from its first instruction on. */
SEC("raw_tp/sched_process_fork")
int follow_fork(struct bpf_raw_tracepoint_args *ctx) {
  u32 parent = task_ids((struct task_struct *)ctx->args[0]).pid;
  u32 child = task_ids((struct task_struct *)ctx->args[1]).pid;
  if (child != 0 && child != parent && bpf_map_lookup_elem(&target_pids, &parent)) {
    u8 yes = 1;
    bpf_map_update_elem(&target_pids, &child, &yes, BPF_ANY);
  }
  return 0;
}
