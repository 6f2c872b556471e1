/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The user stack of a sample: walked on tables, or copied where one is not loaded yet. */
#ifndef STOKER_BPF_USER_STACK_H
#define STOKER_BPF_USER_STACK_H

#include "task.h"

struct walk_loop {
  u32 frames; /* taken so far */
  enum walk_result result;
  u64 hash;
};

/* Takes the frame at walk.pc, then steps to its caller. */
static long walk_one(u32 index, struct walk_loop *loop) {
  struct scratch *scratch = this_scratch();
  if (!scratch) {
    return 1;
  }
  struct walk *w = &scratch->walk;
  if (loop->frames >= MAX_USER_FRAMES) {
    loop->result = walk_cut(w, STAT_cut_depth);
    return 1;
  }
  u64 frame = w->exact ? w->pc | FRAME_EXACT : w->pc;
  scratch->frames[frame_slot(scratch->record.kernel_frames + loop->frames)] = frame;
  loop->hash = mix(loop->hash, frame);
  loop->frames++;
  loop->result = walk_step();
  return loop->result != WALK_GOES_ON;
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

/* Appends the user stack to the kernel frames and finishes the record but for its hash, which it returns: 0 for a copy.
 * bytes: how much follows the kernel frames. */
ALWAYS_INLINE u64 take_user_stack(struct scratch *scratch, struct bpf_perf_event_data *ctx, struct task_struct *task,
                                  u64 hash, u32 *bytes) {
  struct sample_record *record = &scratch->record;
  struct walk *w = &scratch->walk;
  struct user_registers *regs = &scratch->registers;
  *bytes = 0;
  if (!user_registers(ctx, task, regs)) {
    record->user_end = STAT_cut_no_registers;
    return hash;
  }
  const struct map_block *root = walk_map_block(record->pid, 0);
  struct walk_loop loop = {.hash = hash, .result = WALK_PENDING};
  if (root && root->address_space == record->address_space) {
    for (u32 i = 0; i < REG_COUNT; i++) {
      w->regs[i] = regs->values[i];
      w->saved_at[i] = 0;
    }
    w->pc = regs->values[REG_COUNT];
    w->known = 0xffff;
    w->pid = record->pid;
    w->exact = 1;
    w->end = 0;
    w->mapping.start = 0;
    w->mapping.end = 0;
    w->window_size = 0;
    bpf_loop(MAX_USER_FRAMES + 1, walk_one, &loop, 0);
  }
  if (loop.result == WALK_PENDING) {
    record->flags |= SAMPLE_STACK_COPY;
    *bytes = copy_user_stack();
    count(STAT_stack_copies);
    return 0;
  }
  record->user_frames = loop.frames;
  record->user_end = w->end;
  *bytes = loop.frames * sizeof(u64);
  return loop.hash;
}

#endif
