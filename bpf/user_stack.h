/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The user stack of a sample: walked on tables, or copied where one is not loaded yet. */
#ifndef STOKER_BPF_USER_STACK_H
#define STOKER_BPF_USER_STACK_H

#include "user_registers.h"

enum { STACK_SKIPPED = 4 }; /* beginnings of a copy that cannot be read */

/* Registers and the top of the stack, behind the kernel frames: enough to walk it in user space. Returns their size. */
WALK_PART int copy_user_stack(void) {
  struct scratch *scratch = this_scratch();
  if (!scratch) {
    return 0;
  }
  const struct user_registers *regs = &scratch->registers;
  u32 slot = scratch->record.kernel_frames & 127;
  struct user_stack_copy *copy = (struct user_stack_copy *)&scratch->frames[slot];
  for (u32 i = 0; i < USER_REGISTERS; i++) {
    copy->registers[i] = regs->values[i];
  }
  u64 sp = regs->values[USER_SP] & ~7ull;
  u64 start = sp - RED_ZONE;
  copy->start = start;
  copy->reserved = 0;
  u8 *bytes = (u8 *)(copy + 1);
  u32 size = 0;
  /* Up to the next page's end first, then whole pages, until one cannot be read: the stack's end. */
  for (u32 i = 0; i <= STACK_COPY_MAX / 4096 + STACK_SKIPPED; i++) {
    u32 piece = 4096 - (u32)((start + size) & 4095);
    if (size >= STACK_COPY_MAX || piece > 4096) {
      break;
    }
    if (bpf_probe_read_user(bytes + size, piece, (const void *)(start + size)) == 0) {
      size += piece;
    } else if (size == 0 && i < STACK_SKIPPED) {
      /* Nothing has touched the page of the red zone yet, or, in the middle of a fault there, that of the frame. */
      start = copy->start = start < sp ? sp : (start | 4095) + 1;
    } else {
      break;
    }
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
    result = walk_stack(w, record->pid, root->generation, regs->values, thread_pointer(task));
  } else if (BPF_CORE_READ(task, mm, end_code) == 0) {
    /* exec has put up the new address space and has not started it: the saved registers are still the old program's
     * (load_elf_binary() in fs/binfmt_elf.c sets both at its end). There is no user stack, and user space, which knows the
     * old program's mappings at that moment, must not take them for this address space's. */
    record->address_space = 0;
    return 0;
  } else {
    scratch->unknown_process = 1;
  }
  if (result == WALK_PENDING) {
    record->flags |= SAMPLE_STACK_COPY;
    record->user_frames = 0;
    count(STAT_stack_copies);
    return copy_user_stack();
  }
  record->user_frames = w->taken;
  record->user_end = w->end;
  return record->user_frames * sizeof(u64);
}

#endif
