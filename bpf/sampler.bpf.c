/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* CPU samples: on each event of a per-CPU perf event, the stacks of the task that is running. */
#include "maps.h"

#include "filter.h"
#include "task.h"
#include "user_registers.h"
#include "user_stack.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Over the kernel frames; each user frame adds itself as it is taken. */
ALWAYS_INLINE u64 kernel_hash(const struct scratch *scratch) {
  u64 hash = mix(scratch->record.pid, scratch->record.kernel_frames);
  for (u32 i = 0; i < MAX_KERNEL_FRAMES; i++) {
    if (i >= scratch->record.kernel_frames) {
      break;
    }
    hash = mix(hash, scratch->frames[i]);
  }
  return hash;
}

/* User space decides about the process, and counts the sample as taken then. If it never gets there, it counts here. */
ALWAYS_INLINE void count_lost(bool undecided, u32 reason) {
  if (undecided) {
    count(STAT_taken);
  }
  count(reason);
}

/* Sends the sample, with its frames unless this epoch has seen them. Only what the ring took counts as seen. */
ALWAYS_INLINE void emit(struct scratch *scratch, u32 user_bytes) {
  struct sample_record *record = &scratch->record;
  u64 size = sizeof(*record);
  u64 *seen = NULL;
  u64 mark = 0;
  if ((record->flags & SAMPLE_STACK_COPY) == 0) {
    mark = record->stack_hash ^ (epoch * 0x9e3779b97f4a7c15ull);
    u32 index = (u32)record->stack_hash & config.seen_mask;
    seen = bpf_map_lookup_elem(&seen_stacks, &index);
  }
  if (!seen || *seen != mark) {
    record->flags |= SAMPLE_HAS_STACK;
    size += (record->kernel_frames & 127) * sizeof(u64) + (user_bytes & 0x1ffff);
    if (size > sizeof(*record) + sizeof(scratch->frames)) {
      size = sizeof(*record) + sizeof(scratch->frames);
    }
  }
  /* At once for a process that user space has not given the mappings of: until then each sample is a copy. */
  u64 wakeup = scratch->unknown_process || bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) >= config.wakeup_bytes
                   ? BPF_RB_FORCE_WAKEUP
                   : BPF_RB_NO_WAKEUP;
  if (bpf_ringbuf_output(&ring, record, size, wakeup) != 0) {
    count_lost(record->flags & SAMPLE_UNDECIDED, STAT_ring_full);
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
  u64 pid_tgid = bpf_get_current_pid_tgid();
  if ((u32)pid_tgid == 0) { /* each CPU's idle task */
    count(STAT_idle_skipped);
    return 0;
  }
  struct task_struct *task = (struct task_struct *)bpf_get_current_task();
  struct task_ids ids = current_ids(task, pid_tgid);
  enum decision decision = filter_task(task, ids.pid);
  if (decision == DECIDED_NO) {
    count(STAT_filtered);
    return 0;
  }
  if (decision == DECIDED_YES) {
    count(STAT_taken);
  }
  if (ids.pid == 0) {
    count(STAT_outside_namespace);
  }
  struct scratch *scratch = this_scratch();
  if (!scratch) {
    count_lost(decision == UNDECIDED, STAT_no_scratch);
    return 0;
  }

  struct sample_record *record = &scratch->record;
  record->time_ns = now;
  record->pid = ids.pid;
  record->tid = ids.tid;
  record->cpu = bpf_get_smp_processor_id();
  record->kernel_frames = 0;
  record->user_frames = 0;
  record->flags = decision == UNDECIDED ? SAMPLE_UNDECIDED : 0;
  record->user_end = 0;
  scratch->unknown_process = 0;
  record->address_space = address_space_of(task);
  bpf_get_current_comm(record->comm, sizeof(record->comm));

  if (config.kernel_stacks && !IN_USER_MODE(&ctx->regs)) {
    long bytes = bpf_get_stack(ctx, scratch->frames, MAX_KERNEL_FRAMES * sizeof(u64), 0);
    if (bytes >= 0) {
      record->kernel_frames = (u64)bytes / sizeof(u64);
    } else {
      count(STAT_kernel_stack_failed);
    }
  }

  record->stack_hash = kernel_hash(scratch);
  u32 user_bytes = 0;
  if (record->address_space == 0) {
    record->flags |= SAMPLE_KERNEL_TASK;
  } else {
    user_bytes = take_user_stack(scratch, ctx, task);
    if (record->user_end != 0) {
      count(record->user_end);
    }
  }
  record->stack_hash = mix(record->stack_hash, record->user_end) | 1;
  emit(scratch, user_bytes);
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
