// hostile KIND [SECONDS]: what makes stacks hard to follow and mappings hard to keep.
//   rewrites   its callers' stack memory is overwritten with noise while it runs
//   maps       as many executable mappings as the kernel allows, the code that runs in the last one
//   changes    code that is mapped, run, unmapped and replaced by other code at the same place
#include <sys/mman.h>

#include <cstring>
#include <fstream>
#include <random>
#include <string>

#include "truth.h"

namespace {

constexpr std::size_t kPage = 4096;

// void code(unsigned long rounds): counts down to zero. One with a frame pointer, one that is a leaf without a frame.
constexpr unsigned char kWithFrame[] = {0x55, 0x48, 0x89, 0xe5, 0x48, 0xff, 0xcf, 0x75, 0xfb, 0x5d, 0xc3};
constexpr unsigned char kWithout[] = {0x90, 0x48, 0xff, 0xcf, 0x75, 0xfb, 0xc3};

using Code = void (*)(unsigned long);

char* mapped(std::size_t size, void* where = nullptr) {
  void* const memory = ::mmap(where, size, PROT_READ | PROT_WRITE | PROT_EXEC,
                              MAP_PRIVATE | MAP_ANONYMOUS | (where != nullptr ? MAP_FIXED : 0), -1, 0);
  if (memory == MAP_FAILED) {
    std::perror("mmap");
    std::exit(1);
  }
  return static_cast<char*>(memory);
}

}  // namespace

void spin_rewrites(std::uint64_t ns) {
  constexpr std::size_t kWords = 24;
  auto* const above = static_cast<std::uint64_t*>(__builtin_frame_address(0));
  std::uint64_t saved[kWords];
  std::memcpy(saved, above, sizeof saved);
  std::minstd_rand random;
  while (target::thread_cpu_ns() < ns) {
    for (std::size_t i = 0; i < kWords; ++i) {
      // Nothing, a place in this stack, or noise: never an address of code.
      const std::uint64_t value = random();
      above[i] = value % 3 == 0   ? 0x1234
                 : value % 3 == 1 ? reinterpret_cast<std::uint64_t>(above) + value % 4096
                                  : value << 33 | value;
    }
    target::spin();
  }
  std::memcpy(above, saved, sizeof saved);
}

void spin_maps(std::uint64_t ns) {
  std::size_t most = 65530;
  std::ifstream("/proc/sys/vm/max_map_count") >> most;
  most = most < 65530 ? most : 65530;
  const std::size_t pages = most - 100;  // what libraries and stacks have
  char* const memory = mapped(pages * kPage);
  std::memcpy(memory + (pages - 1) * kPage, kWithFrame, sizeof kWithFrame);
  for (std::size_t i = 0; i < pages; i += 2) {
    if (::mprotect(memory + i * kPage, kPage, PROT_READ | PROT_EXEC) != 0) {
      std::perror("mprotect");
      break;  // the last mappings of the allowance went elsewhere
    }
  }
  const auto code = reinterpret_cast<Code>(memory + (pages - 1) * kPage);
  const std::uint64_t end = target::thread_cpu_ns() + ns;
  while (target::thread_cpu_ns() < end) {
    code(1'000'000);
  }
}

void spin_changes(std::uint64_t ns) {
  char* const place = mapped(kPage);
  while (target::thread_cpu_ns() < ns) {
    std::memcpy(place, kWithFrame, sizeof kWithFrame);
    reinterpret_cast<Code>(place)(300'000);
    ::munmap(place, kPage);
    mapped(kPage, place);
    std::memcpy(place, kWithout, sizeof kWithout);
    reinterpret_cast<Code>(place)(300'000);
    ::munmap(place, kPage);
    mapped(kPage, place);
  }
}

int main(int argc, char** argv) {
  const std::string kind = argc > 1 ? argv[1] : "";
  const std::uint64_t ns = target::seconds_argument(argc, argv, 2, 1);
  if (kind == "rewrites") {
    spin_rewrites(ns);
  } else if (kind == "maps") {
    spin_maps(ns);
  } else if (kind == "changes") {
    spin_changes(ns);
  } else {
    std::fprintf(stderr, "hostile rewrites|maps|changes [SECONDS]\n");
    return 2;
  }
  target::print_cpu(kind.c_str(), target::thread_cpu_ns());
}
