// deep FRAMES [SECONDS]: all CPU time below FRAMES calls of down().
#include "truth.h"

void bottom(std::uint64_t end) {
  while (target::process_cpu_ns() < end) {
    target::spin();
  }
}

void down(int frames, std::uint64_t end) {
  if (frames <= 1) {
    bottom(end);
  } else {
    down(frames - 1, end);
  }
  asm volatile("");
}

int main(int argc, char** argv) {
  const int frames = argc > 1 ? std::atoi(argv[1]) : 30;
  down(frames, target::seconds_argument(argc, argv, 2, 2));
  target::print_cpu("all", target::process_cpu_ns());
}
