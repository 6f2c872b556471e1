// forks_and_execs [SECONDS]: spends SECONDS in before_exec(), forks a child that spends as much in in_child(), and then
// executes itself as another image of the same process, which spends as much in after_exec().
#include <sys/wait.h>

#include <cstring>

#include "truth.h"

namespace {
constexpr double kSeconds = 0.5;

void until(std::uint64_t end) {
  while (target::process_cpu_ns() < end) {
    for (int i = 0; i < 10; ++i) {
      target::spin();
    }
  }
}
}  // namespace

void before_exec(std::uint64_t end) {
  until(end);
  asm volatile("");
}
void in_child(std::uint64_t end) {
  until(end);
  asm volatile("");
}
void after_exec(std::uint64_t end) {
  until(end);
  asm volatile("");
}

int main(int argc, char** argv) {
  const std::uint64_t share = target::seconds_argument(argc, argv, 1, kSeconds);
  if (argc > 2 && std::strcmp(argv[2], "again") == 0) {
    // The kernel counts a process's CPU time across exec.
    const std::uint64_t start = target::process_cpu_ns();
    after_exec(start + share);
    target::print_cpu("after_exec", target::process_cpu_ns() - start);
    return 0;
  }
  target::print_pid();
  before_exec(share);
  target::print_cpu("before_exec", target::process_cpu_ns());
  std::fflush(stdout);
  const pid_t child = ::fork();
  if (child == 0) {
    in_child(share);
    target::print_cpu("in_child", target::process_cpu_ns());
    std::fflush(stdout);
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
  char seconds[32];
  std::snprintf(seconds, sizeof(seconds), "%s", argc > 1 ? argv[1] : "0.5");
  ::execl("/proc/self/exe", "second_image", seconds, "again", nullptr);
  return 1;
}
