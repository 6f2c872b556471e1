// zombie: a child that has ended and is not collected; prints its pid, then waits to be killed.
#include "truth.h"

int main() {
  const pid_t child = ::fork();
  if (child == 0) {
    ::_exit(0);
  }
  ::usleep(100'000);
  std::printf("zombie %d\n", child);
  std::fflush(stdout);
  ::sleep(60);
}
