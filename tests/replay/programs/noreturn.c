/* A function that ends with a call of what never returns: the return address is another function's first byte. */
static volatile int sink;

__attribute__((noipa, noreturn)) static void forever(void) {
  for (;;) {
    sink++;
  }
}

__attribute__((noipa, noreturn)) static void ends_with_call(int n) {
  sink = n;
  forever();
}

__attribute__((noipa)) int behind(int n) {
  return sink + n;
}

int main(int argc, char **argv) {
  (void)argv;
  if (argc == 1) {
    ends_with_call(argc);
  }
  return behind(argc);
}
