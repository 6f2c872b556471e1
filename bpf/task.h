/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Who is running: ids as the agent sees them, and the registers of user space. */
#ifndef STOKER_BPF_TASK_H
#define STOKER_BPF_TASK_H

#include "maps.h"

#define PF_KTHREAD 0x00200000 /* include/linux/sched.h, the same since 2.6 */

enum { PIDTYPE_TGID = 1 }; /* include/linux/pid.h */

/* PID namespaces nest at most this deep (MAX_PID_NS_LEVEL). */
enum { MAX_PID_LEVELS = 32 };

/* The number pid has in the agent's namespace, 0 if none. A struct pid holds one number per level, outermost first. */
ALWAYS_INLINE u32 number_in_agent_namespace(struct pid *pid) {
  if (!pid) {
    return 0;
  }
  u32 level = BPF_CORE_READ(pid, level);
  const char *numbers = (const char *)pid + bpf_core_field_offset(pid->numbers);
  for (u32 i = 0; i < MAX_PID_LEVELS; i++) {
    if (i > level) {
      break;
    }
    struct upid *number = (struct upid *)(numbers + i * bpf_core_type_size(struct upid));
    if (BPF_CORE_READ(number, ns, ns.inum) == config.pid_namespace_inode) {
      return BPF_CORE_READ(number, nr);
    }
  }
  return 0;
}

struct task_ids {
  u32 pid; /* thread group */
  u32 tid;
};

ALWAYS_INLINE struct task_ids task_ids(struct task_struct *task) {
  struct task_ids ids = {};
  if (config.pid_namespace_inode == 0) {
    ids.pid = BPF_CORE_READ(task, tgid);
    ids.tid = BPF_CORE_READ(task, pid);
  } else {
    ids.pid = number_in_agent_namespace(BPF_CORE_READ(task, signal, pids[PIDTYPE_TGID]));
    ids.tid = number_in_agent_namespace(BPF_CORE_READ(task, thread_pid));
  }
  return ids;
}

ALWAYS_INLINE bool is_kernel_task(struct task_struct *task) {
  return (BPF_CORE_READ(task, flags) & PF_KTHREAD) != 0 || !BPF_CORE_READ(task, mm);
}

/* What a walk starts from. */
struct user_registers {
  u64 pc;
  u64 sp;
  u64 fp;
};

#if defined(__TARGET_ARCH_x86)
#define KERNEL_STACK_SIZE (16 << 10) /* THREAD_SIZE; 32 KiB only under KASAN */
#define REGS_PC(regs) ((regs)->ip)
#define REGS_SP(regs) ((regs)->sp)
#define REGS_FP(regs) ((regs)->bp)
#define IN_USER_MODE(regs) (((regs)->cs & 3) == 3)
#elif defined(__TARGET_ARCH_arm64)
#define KERNEL_STACK_SIZE (16 << 10)
#define REGS_PC(regs) ((regs)->pc)
#define REGS_SP(regs) ((regs)->sp)
#define REGS_FP(regs) ((regs)->regs[29])
#define IN_USER_MODE(regs) (((regs)->pstate & 0xf) == 0)
#endif

/* Registers of user space: the interrupted ones, or, when the kernel was interrupted, the ones it saved on entry at the
 * top of the task's kernel stack (the same place for system calls, interrupts and faults). */
ALWAYS_INLINE bool user_registers(struct bpf_perf_event_data *ctx, struct task_struct *task,
                                  struct user_registers *out) {
  if (IN_USER_MODE(&ctx->regs)) {
    out->pc = REGS_PC(&ctx->regs);
    out->sp = REGS_SP(&ctx->regs);
    out->fp = REGS_FP(&ctx->regs);
    return true;
  }
  struct pt_regs *saved;
  if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs)) {
    saved = (struct pt_regs *)bpf_task_pt_regs((struct task_struct *)bpf_get_current_task_btf());
  } else {
    char *top = (char *)BPF_CORE_READ(task, stack) + KERNEL_STACK_SIZE;
    saved = (struct pt_regs *)(top - bpf_core_type_size(struct pt_regs));
  }
  if (!saved) {
    return false;
  }
#if defined(__TARGET_ARCH_x86)
  out->pc = BPF_CORE_READ(saved, ip);
  out->sp = BPF_CORE_READ(saved, sp);
  out->fp = BPF_CORE_READ(saved, bp);
#else
  out->pc = BPF_CORE_READ(saved, pc);
  out->sp = BPF_CORE_READ(saved, sp);
  out->fp = BPF_CORE_READ(saved, regs[29]);
#endif
  return out->pc != 0;
}

#endif
