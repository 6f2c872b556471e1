/* The same walk with the rules of aarch64. */
#define WALK_ARM64
#include "tests/replay/host_walk.c"
