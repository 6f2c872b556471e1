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
#if defined(__aarch64__)
  /* stp x29, x30, [sp, #-32]!; mov x29, sp; blr x0; ldp x29, x30, [sp], #32; ret */
  static const unsigned code[] = {0xa9be7bfd, 0x910003fd, 0xd63f0000, 0xa8c27bfd, 0xd65f03c0};
#else
  /* push %rbp; mov %rsp,%rbp; sub $32,%rsp; call *%rdi; leave; ret */
  static const unsigned char code[] = {0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, 0x20, 0xff, 0xd7, 0xc9, 0xc3};
#endif
  void *memory = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memcpy(memory, code, sizeof code);
  __builtin___clear_cache((char *)memory, (char *)memory + sizeof code);
  ((void (*)(void (*)(void)))memory)(bottom);
}
