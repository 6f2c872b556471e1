/* The time of day, in the vDSO. */
#include <time.h>

int main(void) {
  struct timespec now;
  long sum = 0;
  for (;;) {
    clock_gettime(CLOCK_MONOTONIC, &now);
    sum += now.tv_nsec;
    __asm__ volatile("" : : "r"(sum));
  }
}
