// The library that loads_library loads.
#include "truth.h"

void plugin_inner(std::uint64_t end) {
  while (target::process_cpu_ns() < end) {
    for (int i = 0; i < 10; ++i) {
      target::spin();
    }
  }
}

extern "C" void plugin_work(std::uint64_t end) {
  plugin_inner(end);
  asm volatile("");
}
