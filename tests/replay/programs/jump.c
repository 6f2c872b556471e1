/* setjmp and longjmp, again and again. */
#include <setjmp.h>

static jmp_buf place;

__attribute__((noipa)) static void throw_it(int depth) {
  if (depth == 0) {
    longjmp(place, 1);
  }
  throw_it(depth - 1);
  __asm__ volatile("");
}

__attribute__((noipa)) static void catch_it(void) {
  if (setjmp(place) == 0) {
    throw_it(3);
  }
}

int main(void) {
  for (;;) {
    catch_it();
  }
}
