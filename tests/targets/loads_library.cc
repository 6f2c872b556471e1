// loads_library [SECONDS]: spends its CPU time in a library that it loads while it runs.
#include <dlfcn.h>

#include <string>

#include "truth.h"

int main(int argc, char** argv) {
  std::string path = argv[0];
  path.replace(path.rfind('/') + 1, std::string::npos, "libplugin.so");
  void* const library = ::dlopen(path.c_str(), RTLD_NOW);
  void* const symbol = library != nullptr ? ::dlsym(library, "plugin_work") : nullptr;
  if (symbol == nullptr) {
    std::fprintf(stderr, "%s\n", ::dlerror());
    return 1;
  }
  reinterpret_cast<void (*)(std::uint64_t)>(symbol)(target::seconds_argument(argc, argv, 1, 2));
  target::print_cpu("all", target::process_cpu_ns());
  std::puts("chain plugin plugin_inner(unsigned long),plugin_work,main");
}
