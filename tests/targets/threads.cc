// threads [SECONDS]: three named threads that spend one, two and three times SECONDS.
#include <pthread.h>

#include <string>
#include <thread>
#include <vector>

#include "truth.h"

void thread_work(std::uint64_t end) {
  while (target::thread_cpu_ns() < end) {
    target::spin();
  }
}

int main(int argc, char** argv) {
  const std::uint64_t one = target::seconds_argument(argc, argv, 1, 1);
  const std::vector<std::string> names{"alpha", "beta", "gamma"};
  std::vector<std::uint64_t> used(names.size());
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < names.size(); ++i) {
    threads.emplace_back([&, i] {
      ::pthread_setname_np(::pthread_self(), names[i].c_str());
      thread_work(one * (i + 1));
      used[i] = target::thread_cpu_ns();
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    target::print_cpu(names[i].c_str(), used[i]);
  }
  target::print_cpu("all", target::process_cpu_ns());
}
