/* musl_frames [SECONDS]: built statically with musl, whose start code has no unwind information; half of the CPU time below
 * qsort's callback, half in a signal handler, which musl's own __restore_rt leaves. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double share = 0.5;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

void spin_musl(void) {
  const double end = now() + share;
  while (now() < end) {
    for (volatile int i = 0; i < 100000; i++) {
    }
  }
}

int in_callback(const void* a, const void* b) {
  static int once = 0;
  if (!once++) {
    spin_musl();
  }
  return *(const int*)a - *(const int*)b;
}

void on_signal(int number) {
  (void)number;
  spin_musl();
  __asm__ volatile("");
}

int main(int argc, char** argv) {
  if (argc > 1) {
    share = atof(argv[1]) / 2;
  }
  int numbers[3] = {3, 2, 1};
  qsort(numbers, 3, sizeof(int), in_callback);
  signal(SIGUSR1, on_signal);
  raise(SIGUSR1);
  puts("chain callback in_callback");
#ifdef NAMELESS_LIBC  // shared, without local symbols
  puts("chain signal on_signal");
#else
  puts("chain signal on_signal,__restore_rt");
#endif
  return 0;
}
