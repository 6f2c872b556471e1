/* Code in memory of no file, with frame pointers, that calls back. */
#include <string.h>
#include <sys/mman.h>

static volatile int sink;

__attribute__((noipa)) static void bottom(void) {
  for (;;) {
    sink++;
  }
}

int main(void) {
  /* push %rbp; mov %rsp,%rbp; sub $32,%rsp; call *%rdi; leave; ret */
  static const unsigned char code[] = {0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, 0x20, 0xff, 0xd7, 0xc9, 0xc3};
  void *memory = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memcpy(memory, code, sizeof code);
  ((void (*)(void (*)(void)))memory)(bottom);
}
