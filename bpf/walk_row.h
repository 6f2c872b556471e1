/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Taking a frame, and the row in force there. */
#ifndef STOKER_BPF_WALK_ROW_H
#define STOKER_BPF_WALK_ROW_H

#include "walk_state.h"

static inline u64 walk_frame_pointer_row(void);

WALK_INLINE void walk_take_this(struct walk *w) {
  walk_take(w, w->exact ? w->pc | FRAME_EXACT : w->pc);
  w->taken++;
}

/* The frame just taken was not reached by a call: its address is that of the next instruction after all. */
WALK_INLINE void walk_take_as_exact(struct walk *w) {
  if (!w->exact && w->taken != 0) {
    w->taken--;
    walk_take(w, w->pc | FRAME_EXACT);
    w->taken++;
  }
}

/* Puts the row in force at pc into w->row. */
WALK_PART int walk_row(void) {
  struct walk *w = walk_state();
  if (!w) {
    return WALK_ENDS;
  }
  u64 address = w->exact ? w->pc : w->pc - 1;
  if (!walk_maps(&w->mapping, address) && walk_find_mapping(address) != 0) {
    return WALK_PENDING; /* mapped a moment ago, or nowhere: user space can tell */
  }
  switch (w->mapping.kind) {
    case MAP_TABLE:
      w->row = walk_table_row(w, address);
      return WALK_GOES_ON;
    case MAP_FRAME_POINTER:
      w->row = walk_frame_pointer_row();
      return WALK_GOES_ON;
    case MAP_NONE:
      return walk_cut(w, STAT_cut_no_rule);
    case MAP_NO_ROOM:
      return walk_cut(w, STAT_cut_no_room);
    default:
      return WALK_PENDING;
  }
}

/* The row in force at pc where a table tells it and another frame may be taken; else UNWIND_NONE: walk_step() is to look. */
WALK_INLINE u64 walk_common_row(struct walk *w) {
  u64 address = w->exact ? w->pc : w->pc - 1;
  if (!walk_maps(&w->mapping, address) && walk_find_mapping(address) != 0) {
    return 0;
  }
  if (w->mapping.kind != MAP_TABLE || w->taken >= MAX_USER_FRAMES) {
    return 0;
  }
  return walk_table_row(w, address);
}

#endif
