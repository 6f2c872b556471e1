/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The counters of stats.def as numbers, for both sides. */
#ifndef STOKER_BPF_SHARED_STATS_H
#define STOKER_BPF_SHARED_STATS_H

enum stat_id {
#define STAT(name, kind, sentence) STAT_##name,
#include "bpf/shared/stats.def"
#undef STAT
  STAT_COUNT
};

#endif
