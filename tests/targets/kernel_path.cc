// kernel_path [SECONDS]: CPU time nearly all in the kernel, in read() of /dev/zero called by read_zeros().
#include <fcntl.h>
#include <sys/resource.h>

#include <vector>

#include "truth.h"

void read_zeros(int fd, std::vector<char>& room) {
  for (int i = 0; i < 20; ++i) {
    if (::read(fd, room.data(), room.size()) < 0) {
      std::abort();
    }
  }
}

int main(int argc, char** argv) {
  const std::uint64_t end = target::seconds_argument(argc, argv, 1, 2);
  const int fd = ::open("/dev/zero", O_RDONLY);
  std::vector<char> room(1 << 20);
  while (target::process_cpu_ns() < end) {
    read_zeros(fd, room);
  }
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto ns = [](const timeval& time) {
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 +
           static_cast<std::uint64_t>(time.tv_usec) * 1000;
  };
  target::print_cpu("user", ns(used.ru_utime));
  target::print_cpu("kernel", ns(used.ru_stime));
  target::print_cpu("all", target::process_cpu_ns());
}
