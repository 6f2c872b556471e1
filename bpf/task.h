/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Who is running: ids as the agent sees them. */
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

/* A field of the task that runs: a load, where the kernel has a typed pointer to it (5.11), else a helper call more. */
#define CURRENT_READ(task, field)                                              \
  (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf) \
       ? ((struct task_struct *)bpf_get_current_task_btf())->field             \
       : BPF_CORE_READ(task, field))

/* What tells one image of a process from the next: 0 for a task of the kernel's own. The address of the mm alone does not:
 * the one that an exec frees is the first that the next exec gets. */
ALWAYS_INLINE u64 address_space_of(struct task_struct *task) {
  u64 mm = (u64)BPF_CORE_READ(task, mm); /* a number: the verifier lets nobody reckon with a typed pointer */
  if (mm == 0 || (CURRENT_READ(task, flags) & PF_KTHREAD) != 0) { /* it may borrow one */
    return 0;
  }
  return mm ^ CURRENT_READ(task, self_exec_id) << 48;
}

#endif
