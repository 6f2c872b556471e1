/* A frame that GCC realigns (its CFA is in memory) above one of variable size. */
#include <alloca.h>
#include <stdlib.h>
#include <string.h>

static volatile int sink;

__attribute__((noipa)) static void bottom(void) {
  for (;;) {
    sink++;
  }
}

typedef double wide __attribute__((vector_size(32)));

__attribute__((noipa)) static int aligned(int a, int b, int c, int d, int e, int f, int on_stack) {
  wide numbers[4] __attribute__((aligned(64)));
  memset(numbers, a, sizeof numbers);
  __asm__ volatile("" : : "r"(numbers) : "memory");
  char *room = alloca((size_t)(on_stack + b));
  __asm__ volatile("" : : "r"(room) : "memory");
  bottom();
  return (int)numbers[0][0] + c + d + e + f + on_stack;
}

__attribute__((noipa)) static int variable(int n) {
  char room[n];
  memset(room, n, sizeof room);
  int sum = aligned(n, 2, 3, 4, 5, 6, 7);
  return sum + room[n / 2];
}

int main(int argc, char **argv) {
  (void)argv;
  return variable(argc * 100);
}
