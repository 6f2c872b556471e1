/* Forty calls of one function, without frame pointers. */
static volatile int sink;

__attribute__((noipa)) static void bottom(void) {
  for (;;) {
    sink++;
  }
}

__attribute__((noipa)) static int down(int frames) {
  char room[40];
  room[frames % 40] = (char)frames;
  __asm__ volatile("" : : "r"(room) : "memory");
  if (frames == 0) {
    bottom();
  }
  return down(frames - 1) + room[0];
}

int main(int argc, char **argv) {
  (void)argv;
  return down(39 + argc - 1);
}
