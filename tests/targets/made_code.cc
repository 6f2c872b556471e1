// made_code [SECONDS [map|dump NAME]]: runs code that it wrote into anonymous memory, as JIT compilers do. With a NAME it
// says so as they do: in /tmp/perf-PID.map, or in /tmp/jit-PID.dump, where PID is what it calls itself.
#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <string>

#include "truth.h"

namespace {

using Code = void (*)(unsigned long);

// void code(unsigned long rounds): counts down to zero, with a frame pointer as such compilers keep one.
#if defined(__x86_64__)
constexpr unsigned char kCode[] = {
    0x55,              // push %rbp
    0x48, 0x89, 0xe5,  // mov %rsp, %rbp
    0x48, 0xff, 0xcf,  // dec %rdi
    0x75, 0xfb,        // jnz, back to dec
    0x5d,              // pop %rbp
    0xc3,              // ret
};
constexpr std::uint32_t kMachine = 62;
#else
constexpr std::uint32_t kCode[] = {
    0xa9bf7bfd,  // stp x29, x30, [sp, #-16]!
    0x910003fd,  // mov x29, sp
    0xf1000400,  // subs x0, x0, #1
    0x54ffffe1,  // b.ne, back to subs
    0xa8c17bfd,  // ldp x29, x30, [sp], #16
    0xd65f03c0,  // ret
};
constexpr std::uint32_t kMachine = 183;
#endif

template <typename T>
void put(std::ofstream& out, T value) {
  out.write(reinterpret_cast<const char*>(&value), sizeof value);
}

void write_map(const void* code, const std::string& name) {
  std::ofstream map("/tmp/perf-" + std::to_string(::getpid()) + ".map");
  map << std::hex << reinterpret_cast<std::uintptr_t>(code) << ' ' << sizeof kCode << ' ' << name << '\n';
}

// linux/tools/perf/Documentation/jitdump-specification.txt. Whoever reads it finds the file by its mapping.
void write_dump(const void* code, const std::string& name) {
  const std::string path = "/tmp/jit-" + std::to_string(::getpid()) + ".dump";
  std::ofstream dump(path, std::ios::binary);
  for (const std::uint32_t word :
       {0x4a695444u, 1u, 40u, kMachine, 0u, static_cast<std::uint32_t>(::getpid())}) {
    put(dump, word);
  }
  put(dump, std::uint64_t{0});  // time
  put(dump, std::uint64_t{0});  // flags
  const auto start = reinterpret_cast<std::uintptr_t>(code);
  put(dump, std::uint32_t{0});  // JIT_CODE_LOAD
  put(dump, static_cast<std::uint32_t>(16 + 40 + name.size() + 1 + sizeof kCode));
  put(dump, std::uint64_t{0});
  put(dump, static_cast<std::uint32_t>(::getpid()));
  put(dump, static_cast<std::uint32_t>(::gettid()));
  for (const std::uint64_t number :
       {std::uint64_t{start}, std::uint64_t{start}, std::uint64_t{sizeof kCode}, std::uint64_t{1}}) {
    put(dump, number);
  }
  dump.write(name.c_str(), static_cast<std::streamsize>(name.size() + 1));
  dump.write(reinterpret_cast<const char*>(kCode), sizeof kCode);
  dump.close();
  const int fd = ::open(path.c_str(), O_RDONLY);
  if (::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED) {
    std::abort();
  }
}

}  // namespace

extern "C" void run_code(Code code, std::uint64_t until_cpu_ns) {
  while (target::process_cpu_ns() < until_cpu_ns) {
    code(100'000);
  }
}

int main(int argc, char** argv) {
  const std::uint64_t end = target::seconds_argument(argc, argv, 1, 2);
  void* const room = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (room == MAP_FAILED) {
    std::abort();
  }
  std::memcpy(room, kCode, sizeof kCode);
  ::mprotect(room, 4096, PROT_READ | PROT_EXEC);
  __builtin___clear_cache(static_cast<char*>(room), static_cast<char*>(room) + sizeof kCode);
  const auto code = reinterpret_cast<Code>(room);
  // The code has run for a while when its name is told.
  run_code(code, std::min<std::uint64_t>(end / 4, 100'000'000));
  if (argc > 3) {
    const std::string name = argv[3];
    (std::string(argv[2]) == "dump" ? write_dump : write_map)(room, name);
  }
  run_code(code, end);
  target::print_cpu("code", target::process_cpu_ns());
}
