// signals [SECONDS]: all CPU time in a signal handler on a stack of its own, raised inside qsort's callback, below a
// function whose frame has a variable size.
#include <alloca.h>

#include <csignal>
#include <cstdlib>
#include <cstring>

#include "truth.h"

namespace {

std::uint64_t end_ns;

}  // namespace

void in_handler() {
  for (int i = 0; i < 20; ++i) {
    target::spin();
  }
}

void on_signal(int) {
  in_handler();
  asm volatile("");
}

int compare(const void* a, const void* b) {
  ::raise(SIGUSR1);
  return *static_cast<const int*>(a) - *static_cast<const int*>(b);
}

void sort_below_alloca(int size) {
  auto* room = static_cast<char*>(alloca(static_cast<std::size_t>(size)));
  std::memset(room, 1, static_cast<std::size_t>(size));
  asm volatile("" : : "r"(room) : "memory");
  int numbers[8];
  for (int i = 0; i < 8; ++i) {
    numbers[i] = 8 - i;
  }
  std::qsort(numbers, 8, sizeof(int), compare);
  asm volatile("");
}

int main(int argc, char** argv) {
  end_ns = target::seconds_argument(argc, argv, 1, 1);
  stack_t stack{};
  stack.ss_size = 1 << 16;
  stack.ss_sp = std::malloc(stack.ss_size);
  ::sigaltstack(&stack, nullptr);
  struct sigaction action{};
  action.sa_handler = on_signal;
  action.sa_flags = SA_ONSTACK;
  ::sigaction(SIGUSR1, &action, nullptr);
  for (int i = 0; target::process_cpu_ns() < end_ns; ++i) {
    sort_below_alloca(16 + i % 1000);
  }
  target::print_cpu("all", target::process_cpu_ns());
}
