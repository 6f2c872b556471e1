#include "base/sigbus.h"

#include <sys/mman.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <mutex>

namespace stoker {
namespace {

std::uintptr_t page_size = 4096;

// mmap is not in POSIX's list of async-signal-safe calls; on Linux it is a plain system call and this is a
// synchronous fault in our own code, so nothing is interrupted halfway.
void on_sigbus(int signal, siginfo_t* info, void*) {
  if (info->si_code == BUS_ADRERR) {
    const std::uintptr_t page = reinterpret_cast<std::uintptr_t>(info->si_addr) & ~(page_size - 1);
    void* const zeros = ::mmap(reinterpret_cast<void*>(page), page_size, PROT_READ,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (zeros != MAP_FAILED) {
      return;
    }
  }
  ::signal(signal, SIG_DFL);
  ::raise(signal);
}

}  // namespace

void guard_against_sigbus() {
  static std::once_flag once;
  std::call_once(once, [] {
    page_size = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    struct sigaction action{};
    action.sa_sigaction = on_sigbus;
    action.sa_flags = SA_SIGINFO;
    ::sigaction(SIGBUS, &action, nullptr);
  });
}

}  // namespace stoker
