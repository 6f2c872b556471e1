/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The user stack of a sample: walked on tables, or copied where one is not loaded yet. */
#ifndef STOKER_BPF_USER_STACK_H
#define STOKER_BPF_USER_STACK_H

#include "task.h"

/* Takes the frame at walk.pc as number `taken`, then steps to its caller. Gives enum walk_result. */
WALK_PART int walk_one(u32 taken) {
  struct scratch *scratch = this_scratch();
  if (!scratch) {
    return WALK_ENDS;
  }
  struct walk *w = &scratch->walk;
  u64 frame = w->exact ? w->pc | FRAME_EXACT : w->pc;
  scratch->frames[frame_slot(scratch->record.kernel_frames + taken)] = frame;
  scratch->record.stack_hash = mix(scratch->record.stack_hash, frame);
  scratch->record.user_frames = taken + 1;
  return walk_step();
}

/* Registers and the top of the stack, behind the kernel frames: enough to walk it in user space. Returns their size. */
WALK_PART int copy_user_stack(void) {
  struct scratch *scratch = this_scratch();
  if (!scratch) {
    return 0;
  }
  const struct user_registers *regs = &scratch->registers;
  u32 slot = scratch->record.kernel_frames & 127;
  struct user_stack_copy *copy = (struct user_stack_copy *)&scratch->frames[slot];
  for (u32 i = 0; i < 17; i++) {
    copy->registers[i] = regs->values[i];
  }
  u64 start = (regs->values[REG_RSP] & ~7ull) - RED_ZONE;
  copy->start = start;
  copy->reserved = 0;
  u8 *bytes = (u8 *)(copy + 1);
  u32 size = 0;
  /* Up to the next page's end first, then whole pages, until one cannot be read: the stack's end. */
  for (u32 i = 0; i <= STACK_COPY_MAX / 4096; i++) {
    u32 piece = 4096 - (u32)((start + size) & 4095);
    if (size >= STACK_COPY_MAX || piece > 4096) {
      break;
    }
    if (bpf_probe_read_user(bytes + size, piece, (const void *)(start + size)) != 0) {
      break;
    }
    size += piece;
  }
  copy->size = size;
  return sizeof(*copy) + size;
}

/* Appends the user stack to the kernel frames, or sets SAMPLE_STACK_COPY. Returns how many bytes follow the kernel
 * frames. */
ALWAYS_INLINE u32 take_user_stack(struct scratch *scratch, struct bpf_perf_event_data *ctx,
                                  struct task_struct *task) {
  struct sample_record *record = &scratch->record;
  struct walk *w = &scratch->walk;
  struct user_registers *regs = &scratch->registers;
  if (!user_registers(ctx, task, regs)) {
    record->user_end = STAT_cut_no_registers;
    return 0;
  }
  int result = WALK_PENDING;
  const struct map_block *root = walk_map_block(record->pid, 0);
  if (root && root->address_space == record->address_space) {
    for (u32 i = 0; i < REG_COUNT; i++) {
      w->regs[i] = regs->values[i];
      w->saved_at[i] = 0;
    }
    w->pc = regs->values[REG_COUNT];
    w->known = 0xffff;
    w->pid = record->pid;
    w->exact = 1;
    w->end = STAT_cut_depth;
    w->mapping.start = 0;
    w->mapping.end = 0;
    w->window_size = 0;
    /* A plain loop: its body is one call of a function that the verifier looks at by itself, so the 512 rounds cost it
     * little, on every kernel. bpf_loop would want a callback, which kernels before 5.13 refuse to see at all. */
    for (u32 i = 0; i < MAX_USER_FRAMES; i++) {
      result = walk_one(i);
      if (result != WALK_GOES_ON) {
        break;
      }
    }
  }
  if (result == WALK_PENDING) {
    record->flags |= SAMPLE_STACK_COPY;
    record->user_frames = 0;
    count(STAT_stack_copies);
    return copy_user_stack();
  }
  record->user_end = w->end;
  return record->user_frames * sizeof(u64);
}

#endif
