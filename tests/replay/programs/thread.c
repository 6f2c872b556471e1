/* A thread; the first one waits for it. */
#include <pthread.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

static volatile int sink;

__attribute__((noipa)) static void bottom(void) {
  for (;;) {
    sink++;
  }
}

static void *run(void *nothing) {
  printf("%ld\n", syscall(SYS_gettid));
  fflush(stdout);
  bottom();
  return nothing;
}

int main(void) {
  pthread_t thread;
  pthread_create(&thread, 0, run, 0);
  pthread_join(thread, 0);
}
