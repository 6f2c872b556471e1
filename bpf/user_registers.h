/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The registers of user space, wherever the task was interrupted. */
#ifndef STOKER_BPF_USER_REGISTERS_H
#define STOKER_BPF_USER_REGISTERS_H

#include "task.h"

/* Where the kernel saves them when bpf_task_pt_regs is not there (before 5.15): at the end of a stack of THREAD_SIZE. */
#define KERNEL_STACK_SIZE (16 << 10) /* more only under KASAN, and on aarch64 with pages of 64 KiB */

#if defined(__TARGET_ARCH_arm64)
#define IN_USER_MODE(regs) (((regs)->pstate & 15) == 0) /* EL0 */

ALWAYS_INLINE void copy_registers(struct user_registers *out, const struct bpf_user_regs *regs) {
#pragma unroll
  for (u32 i = 0; i < 31; i++) {
    out->values[i] = regs->regs[i];
  }
  out->values[31] = regs->sp;
  out->values[32] = regs->pc;
}

/* No rule asks for it: Go keeps its goroutine in x28. */
ALWAYS_INLINE u64 thread_pointer(struct task_struct *task) {
  return 0;
}
#else
#define IN_USER_MODE(regs) (((regs)->cs & 3) == 3)

ALWAYS_INLINE void copy_registers(struct user_registers *out, const struct bpf_user_regs *regs) {
  out->values[0] = regs->ax;
  out->values[1] = regs->dx;
  out->values[2] = regs->cx;
  out->values[3] = regs->bx;
  out->values[4] = regs->si;
  out->values[5] = regs->di;
  out->values[6] = regs->bp;
  out->values[7] = regs->sp;
  out->values[8] = regs->r8;
  out->values[9] = regs->r9;
  out->values[10] = regs->r10;
  out->values[11] = regs->r11;
  out->values[12] = regs->r12;
  out->values[13] = regs->r13;
  out->values[14] = regs->r14;
  out->values[15] = regs->r15;
  out->values[16] = regs->ip;
}

/* Of user space, as of the task's last switch: a thread sets it once, when it starts. */
ALWAYS_INLINE u64 thread_pointer(struct task_struct *task) {
  return CURRENT_READ(task, thread.fsbase);
}

#endif

/* The interrupted ones, or, when the kernel was interrupted, the ones it saved on entry at the top of the task's kernel
 * stack (the same place for system calls, interrupts and faults). */
ALWAYS_INLINE bool user_registers(struct bpf_perf_event_data *ctx, struct task_struct *task,
                                  struct user_registers *out) {
  if (IN_USER_MODE(&ctx->regs)) {
    copy_registers(out, &ctx->regs);
    return true;
  }
  struct pt_regs *saved;
  if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs)) {
    saved = (struct pt_regs *)bpf_task_pt_regs((struct task_struct *)bpf_get_current_task_btf());
  } else {
    char *top = (char *)BPF_CORE_READ(task, stack) + KERNEL_STACK_SIZE;
    saved = (struct pt_regs *)(top - bpf_core_type_size(struct pt_regs));
  }
  /* pt_regs begins with the same words on every kernel (the entry code pushes them); what follows them does not matter. */
  struct bpf_user_regs copy;
  if (!saved || bpf_probe_read_kernel(&copy, sizeof(copy), saved) != 0) {
    return false;
  }
  copy_registers(out, &copy);
  return out->values[USER_REGISTERS - 1] != 0;
}

#endif
