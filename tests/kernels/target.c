// A program whose stacks are known, for the CPU seconds given: _start … main() > level_1() > level_2() > level_3(), which
// calls work(), ask_time() and read_zeros() in turn, so that samples are taken in user space, in the vDSO and in a system
// call.
// Linked statically, so that it runs in any root, and built without frame pointers.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static volatile unsigned long sink;
static int zeros;
static char buffer[1 << 20];

__attribute__((noinline)) void work(void) {
  for (int i = 0; i < 100000; ++i) {
    sink += (unsigned long)i * (unsigned long)i;
  }
}
__attribute__((noinline)) void ask_time(void) {
  struct timespec now;
  for (int i = 0; i < 1000; ++i) {
    clock_gettime(CLOCK_MONOTONIC, &now);
    sink += (unsigned long)now.tv_nsec;
  }
}
__attribute__((noinline)) void read_zeros(void) {
  sink += (unsigned long)read(zeros, buffer, sizeof(buffer));
  sink += 1;
}
__attribute__((noinline)) void level_3(void) {
  work();
  ask_time();
  read_zeros();
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

int main(int argc, char** argv) {
  const long seconds = argc > 1 ? atol(argv[1]) : 5;
  zeros = open("/dev/zero", O_RDONLY | O_CLOEXEC);
  struct timespec used;
  do {
    level_1();
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  } while (used.tv_sec < seconds);
  printf("target: %ld s of CPU\n", seconds);
  return 0;
}
