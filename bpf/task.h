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

/* Of the task that runs: the helper's two numbers cost less than two reads of kernel memory. */
ALWAYS_INLINE struct task_ids current_ids(struct task_struct *task, u64 pid_tgid) {
  if (config.pid_namespace_inode == 0) {
    struct task_ids ids = {.pid = pid_tgid >> 32, .tid = (u32)pid_tgid};
    return ids;
  }
  return task_ids(task);
}

/* Of user space, as of the task's last switch: a thread sets it once, when it starts. */
ALWAYS_INLINE u64 thread_pointer(struct task_struct *task) {
  return BPF_CORE_READ(task, thread.fsbase);
}

/* What tells one image of a process from the next: 0 for a task of the kernel's own. */
ALWAYS_INLINE u64 address_space_of(struct task_struct *task) {
  u64 mm = (u64)BPF_CORE_READ(task, mm);
  return mm != 0 && (BPF_CORE_READ(task, flags) & PF_KTHREAD) != 0 ? 0 : mm; /* it may borrow one */
}

#if defined(__TARGET_ARCH_x86)
#define KERNEL_STACK_SIZE (16 << 10) /* THREAD_SIZE; 32 KiB only under KASAN */
#define IN_USER_MODE(regs) (((regs)->cs & 3) == 3)

#define COPY_REGISTERS(out, read)  \
  do {                             \
    (out)->values[0] = read(ax);   \
    (out)->values[1] = read(dx);   \
    (out)->values[2] = read(cx);   \
    (out)->values[3] = read(bx);   \
    (out)->values[4] = read(si);   \
    (out)->values[5] = read(di);   \
    (out)->values[6] = read(bp);   \
    (out)->values[7] = read(sp);   \
    (out)->values[8] = read(r8);   \
    (out)->values[9] = read(r9);   \
    (out)->values[10] = read(r10); \
    (out)->values[11] = read(r11); \
    (out)->values[12] = read(r12); \
    (out)->values[13] = read(r13); \
    (out)->values[14] = read(r14); \
    (out)->values[15] = read(r15); \
    (out)->values[16] = read(ip);  \
  } while (0)
#endif

/* Registers of user space: the interrupted ones, or, when the kernel was interrupted, the ones it saved on entry at the
 * top of the task's kernel stack (the same place for system calls, interrupts and faults). */
ALWAYS_INLINE bool user_registers(struct bpf_perf_event_data *ctx, struct task_struct *task,
                                  struct user_registers *out) {
  if (IN_USER_MODE(&ctx->regs)) {
#define READ_CONTEXT(name) (ctx->regs.name)
    COPY_REGISTERS(out, READ_CONTEXT);
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
#define READ_COPY(name) (copy.name)
  COPY_REGISTERS(out, READ_COPY);
  return out->values[16] != 0;
}

#endif
