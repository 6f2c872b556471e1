// sleeper [SECONDS]: uses no CPU for so long.
#include "truth.h"

int main(int argc, char** argv) {
  const std::uint64_t ns = target::seconds_argument(argc, argv, 1, 5);
  const timespec time{static_cast<time_t>(ns / 1'000'000'000), static_cast<long>(ns % 1'000'000'000)};
  ::nanosleep(&time, nullptr);
  target::print_cpu("all", target::process_cpu_ns());
}
