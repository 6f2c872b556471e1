// tight_stack [CHILDREN]: processes that use 20 ms of CPU time each on a stack that ends right below their stack pointer, as
// a stack does whose next page nobody has touched.
#include <alloca.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace {

constexpr std::size_t kPage = 4096;
ucontext_t back;
char* bottom;

double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

}  // namespace

// Calls nothing: there is no room.
void spin_tight() {
  for (volatile std::uint64_t i = 0; i < 12'000'000; i = i + 1) {
  }
}

void on_tight_stack() {
  char here = 0;
  // Down to where the return address of spin_tight() is the last that fits.
  volatile char* room = static_cast<char*>(alloca(static_cast<std::size_t>(&here - bottom) - 96));
  room[0] = 1;
  spin_tight();
}

int main(int argc, char** argv) {
  const int children = argc > 1 ? std::atoi(argv[1]) : 40;
  for (int i = 0; i < children; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      char* const memory = static_cast<char*>(
          mmap(nullptr, 3 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
      mprotect(memory, kPage, PROT_NONE);
      bottom = memory + kPage;
      ucontext_t context;
      getcontext(&context);
      context.uc_stack.ss_sp = bottom;
      context.uc_stack.ss_size = 2 * kPage;
      context.uc_link = &back;
      makecontext(&context, on_tight_stack, 0);
      swapcontext(&back, &context);
      _exit(cpu_seconds() > 0 ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (status != 0) {
      std::printf("child %d failed: %d\n", i, status);
      return 1;
    }
  }
  std::puts("chain tight spin_tight,on_tight_stack");
}
