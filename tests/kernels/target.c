// A program whose stacks are known: work() < level_3() < level_2() < level_1() < main(), for the seconds given.
// Linked statically, so that it runs in any root; without frame pointers when built so.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static volatile unsigned long sink;

__attribute__((noinline)) void work(void) {
  for (int i = 0; i < 100000; ++i) {
    sink += (unsigned long)i * (unsigned long)i;
  }
}
__attribute__((noinline)) void level_3(void) {
  work();
  sink += 1;
}
__attribute__((noinline)) void level_2(void) {
  level_3();
  sink += 2;
}
__attribute__((noinline)) void level_1(void) {
  level_2();
  sink += 3;
}

int main(int argc, char **argv) {
  const long seconds = argc > 1 ? atol(argv[1]) : 5;
  struct timespec used;
  do {
    level_1();
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  } while (used.tv_sec < seconds);
  printf("target: %ld s of CPU\n", seconds);
  return 0;
}
