/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Which tasks are sampled. */
#ifndef STOKER_BPF_FILTER_H
#define STOKER_BPF_FILTER_H

#include "task.h"

enum decision { DECIDED_NO, DECIDED_YES, UNDECIDED };

ALWAYS_INLINE enum decision judged(const u8 *verdict) {
  if (!verdict) {
    return UNDECIDED;
  }
  return *verdict == VERDICT_YES ? DECIDED_YES : DECIDED_NO;
}

ALWAYS_INLINE enum decision filter_task(struct task_struct *task, u32 pid) {
  switch (config.filter) {
    case FILTER_NONE:
      return DECIDED_YES;
    case FILTER_PIDS:
      return bpf_map_lookup_elem(&target_pids, &pid) ? DECIDED_YES : DECIDED_NO;
    case FILTER_COMM: {
      struct comm_key key = {};
      BPF_CORE_READ_STR_INTO(&key.comm, task, group_leader, comm);
      return judged(bpf_map_lookup_elem(&comm_verdicts, &key));
    }
    case FILTER_PROCESS:
      return judged(bpf_map_lookup_elem(&pid_verdicts, &pid));
  }
  return DECIDED_NO;
}

#endif
