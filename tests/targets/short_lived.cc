// short_lived [MILLISECONDS]: spends that CPU time, 30 by default, in short_work() and ends.
#include "truth.h"

void short_work(std::uint64_t end) {
  while (target::process_cpu_ns() < end) {
    target::spin();
  }
}

int main(int argc, char** argv) {
  short_work(target::seconds_argument(argc, argv, 1, 30) / 1000);
  target::print_cpu("all", target::process_cpu_ns());
}
