/* A coroutine by makecontext: its root is __start_context. */
#include <stdlib.h>
#include <ucontext.h>

static volatile int sink;
static ucontext_t here, there;

__attribute__((noipa)) static void bottom(void) {
  for (;;) {
    sink++;
  }
}

static void body(void) {
  swapcontext(&there, &here);
  bottom();
}

int main(void) {
  getcontext(&there);
  there.uc_stack.ss_size = 1 << 16;
  there.uc_stack.ss_sp = malloc(1 << 16);
  there.uc_link = &here;
  makecontext(&there, body, 0);
  swapcontext(&here, &there);
  swapcontext(&here, &there);
}
