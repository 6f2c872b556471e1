#include "agent/interrupts.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdint>
#include <string_view>

#include "agent/exit_code.h"

namespace stoker::agent {
namespace {

std::atomic<int> event_fd = -1;
std::atomic<int> times = 0;

// Signal context: only write and _exit.
void on_interrupt(int) {
  if (times.fetch_add(1) > 0) {
    constexpr std::string_view kText = "\nagent: stopped at once; what was not written yet is lost\n";
    [[maybe_unused]] const ssize_t ignored = ::write(STDERR_FILENO, kText.data(), kText.size());
    ::_exit(kFailure);
  }
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t ignored = ::write(event_fd.load(), &one, sizeof(one));
}

}  // namespace

Interrupts::Interrupts() {
  event_fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  times = 0;
  struct sigaction action{};
  action.sa_handler = on_interrupt;
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

Interrupts::~Interrupts() {
  ::signal(SIGINT, SIG_DFL);
  ::signal(SIGTERM, SIG_DFL);
  ::close(event_fd.exchange(-1));
}

int Interrupts::fd() const {
  return event_fd.load();
}
bool Interrupts::raised() const {
  return times.load() > 0;
}

}  // namespace stoker::agent
