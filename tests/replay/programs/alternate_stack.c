/* A signal handler on a stack of its own, raised within a system call within qsort's callback. */
#include <signal.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

static volatile int sink;

__attribute__((noipa)) static void bottom(void) {
  for (;;) {
    sink++;
  }
}

static void on_signal(int number) {
  (void)number;
  bottom();
}

static int compare(const void *a, const void *b) {
  kill(getpid(), SIGUSR1);
  return *(const int *)a - *(const int *)b;
}

__attribute__((noipa)) static int sort(int *numbers) {
  qsort(numbers, 4, sizeof *numbers, compare);
  return numbers[0];
}

int main(void) {
  stack_t stack = {.ss_size = 1 << 16, .ss_sp = malloc(1 << 16)};
  sigaltstack(&stack, 0);
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};
  sigaction(SIGUSR1, &action, 0);
  int numbers[4] = {4, 3, 2, 1};
  return sort(numbers);
}
