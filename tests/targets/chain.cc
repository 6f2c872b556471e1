// chain [SECONDS]: a quarter of the CPU time in left(), three quarters in right(), both below middle() and outer().
#include "truth.h"

namespace {
std::uint64_t left_ns = 0;
std::uint64_t right_ns = 0;
}  // namespace

// Not static: names without mangling's prefix for internal linkage, as in any program.
void left() {
  target::spin();
}

void right() {
  target::spin();
  target::spin();
  target::spin();
}

void middle() {
  const std::uint64_t start = target::thread_cpu_ns();
  for (int i = 0; i < 10; ++i) {
    left();
  }
  const std::uint64_t between = target::thread_cpu_ns();
  for (int i = 0; i < 10; ++i) {
    right();
  }
  left_ns += between - start;
  right_ns += target::thread_cpu_ns() - between;
}

void outer() {
  middle();
}

int main(int argc, char** argv) {
  const std::uint64_t end = target::seconds_argument(argc, argv, 1, 2);
  while (left_ns + right_ns < end) {
    outer();
  }
  target::print_pid();
  target::print_cpu("left()", left_ns);
  target::print_cpu("right()", right_ns);
  target::print_cpu("all", target::process_cpu_ns());
  std::puts("chain left() left(),middle(),outer(),main");
  std::puts("chain right() right(),middle(),outer(),main");
}
