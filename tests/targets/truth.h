// What every target uses: spending CPU time where the stack says so, and telling about it.
#pragma once

#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace target {

// Of the calling thread.
inline std::uint64_t thread_cpu_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

inline std::uint64_t process_cpu_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

// Some 100 µs of work in the caller itself: a loop that calls nothing, so that the caller is the leaf.
[[gnu::always_inline]] inline void spin() {
  for (unsigned i = 0; i < 100'000; ++i) {
    asm volatile("" : "+r"(i));
  }
}

// The argument at index in seconds of CPU, as nanoseconds.
inline std::uint64_t seconds_argument(int argc, char** argv, int index, double otherwise) {
  const double seconds = argc > index ? std::atof(argv[index]) : otherwise;
  return static_cast<std::uint64_t>(seconds * 1e9);
}

inline void print_cpu(const char* name, std::uint64_t ns) {
  std::printf("cpu %s %llu\n", name, static_cast<unsigned long long>(ns));
}

inline void print_pid() {
  std::printf("pid %d\n", ::getpid());
}

}  // namespace target
