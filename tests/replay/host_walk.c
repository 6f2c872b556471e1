#include "tests/replay/host_walk.h"

#include "bpf/shared/stats.h"

#if defined(WALK_ARM64)
#define HOST_WALK host_walk_arm64
#else
#define HOST_WALK host_walk_x86
#endif

/* walk.h's hooks take no context: they find the walk at hand here, as the program finds it in its CPU's work area. */
static _Thread_local const struct HostWalkSource* source_at_hand;
static _Thread_local struct HostWalked* out_at_hand;
static _Thread_local struct walk* walk_at_hand;

static int walk_read_user(void* to, u32 size, u64 from) {
  return source_at_hand->read_user(source_at_hand->context, to, size, from);
}
static const struct map_block* walk_map_block(u32 pid, u32 block) {
  (void)pid;
  return source_at_hand->map_block(source_at_hand->context, block);
}
static const struct unwind_chunk* walk_chunk(u32 index) {
  return source_at_hand->chunk(source_at_hand->context, index);
}
static const struct unwind_block* walk_rows(u32 block) {
  return source_at_hand->rows(source_at_hand->context, block);
}

#include "bpf/walk.h"

static struct walk* walk_state(void) {
  return walk_at_hand;
}
static void walk_take(struct walk* w, u64 frame) {
  out_at_hand->frames[w->taken] = frame;
}

void HOST_WALK(const struct HostWalkSource* source, const u64* registers, u64 thread_pointer,
               struct HostWalked* out) {
  struct walk walk;
  __builtin_memset(&walk, 0xa5, sizeof(walk)); /* as another sample left it */
  source_at_hand = source;
  out_at_hand = out;
  walk_at_hand = &walk;
  out->pending = walk_stack(&walk, 1, 0, registers, thread_pointer) == WALK_PENDING;
  out->count = walk.taken;
  out->end = walk.end;
  source_at_hand = 0;
  out_at_hand = 0;
  walk_at_hand = 0;
}
