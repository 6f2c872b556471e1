// Names and lines of libc's code: warm and cold, beside llvm-symbolizer on the same addresses. What is compared
// is the CPU time of both; "ratio" is ours by llvm-symbolizer's.
#include <benchmark/benchmark.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "symbolize/symbolizer.h"

namespace stoker::symbolize {
namespace {

constexpr const char* kFile = "/lib/x86_64-linux-gnu/libc.so.6";
constexpr std::size_t kAddresses = 10000;

elf::BinaryPtr open_file(const std::string& path) {
  auto file = elf::ElfFile::open(path);
  if (!file) {
    return nullptr;
  }
  auto binary = std::make_shared<elf::Binary>();
  binary->id = 1;
  binary->path = path;
  binary->elf = std::make_shared<const elf::ElfFile>(*std::move(file));
  binary->build_id = binary->elf->build_id();
  return binary;
}

std::vector<elf::ElfAddress> addresses_in(const elf::ElfFile& file) {
  const elf::Section* text = file.find_section(".text");
  std::mt19937_64 random(1);
  std::vector<elf::ElfAddress> addresses;
  while (text != nullptr && addresses.size() < kAddresses) {
    addresses.push_back({text->address.value + random() % text->size});
  }
  return addresses;
}

void WarmNames(benchmark::State& state) {
  const auto binary = open_file(kFile);
  if (binary == nullptr) {
    state.SkipWithError("no libc");
    return;
  }
  Options options;
  options.lines = false;
  Symbolizer symbolizer(options);
  const auto addresses = addresses_in(*binary->elf);
  for (const elf::ElfAddress address : addresses) {
    symbolizer.symbolize(binary, address);
  }
  std::size_t next = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(symbolizer.symbolize(binary, addresses[next++ % addresses.size()]));
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
  state.counters["heap_bytes"] = static_cast<double>(symbolizer.memory_bytes());
}
BENCHMARK(WarmNames);

void ColdList(benchmark::State& state, bool lines) {
  const auto binary = open_file(kFile);
  if (binary == nullptr) {
    state.SkipWithError("no libc");
    return;
  }
  const auto addresses = addresses_in(*binary->elf);
  Options options;
  options.lines = lines;
  for (auto _ : state) {
    Symbolizer symbolizer(options);
    for (const elf::ElfAddress address : addresses) {
      benchmark::DoNotOptimize(symbolizer.symbolize(binary, address));
    }
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * addresses.size()));
}
BENCHMARK_CAPTURE(ColdList, names, false)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(ColdList, lines, true)->Unit(benchmark::kMillisecond);

double cpu_seconds(int who) {
  rusage usage{};
  ::getrusage(who, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void BesideLlvmSymbolizer(benchmark::State& state) {
  const auto binary = open_file(kFile);
  const std::string list = "/tmp/symbolize_bench_" + std::to_string(::getpid());
  if (binary == nullptr || std::system("command -v llvm-symbolizer-19 > /dev/null") != 0) {
    state.SkipWithError("needs libc and llvm-symbolizer-19");
    return;
  }
  const auto addresses = addresses_in(*binary->elf);
  std::ofstream out(list);
  for (const elf::ElfAddress address : addresses) {
    out << "0x" << std::hex << address.value << '\n';
  }
  out.close();
  const std::string command =
      "llvm-symbolizer-19 --inlines --obj=" + std::string(kFile) + " < " + list + " > /dev/null";
  double ours = 0;
  double llvm = 0;
  for (auto _ : state) {
    double before = cpu_seconds(RUSAGE_SELF);
    Symbolizer symbolizer({});
    for (const elf::ElfAddress address : addresses) {
      benchmark::DoNotOptimize(symbolizer.symbolize(binary, address));
    }
    ours += cpu_seconds(RUSAGE_SELF) - before;
    before = cpu_seconds(RUSAGE_CHILDREN);
    if (std::system(command.c_str()) != 0) {
      state.SkipWithError("llvm-symbolizer failed");
    }
    llvm += cpu_seconds(RUSAGE_CHILDREN) - before;
  }
  ::unlink(list.c_str());
  state.counters["ratio"] = ours / llvm;
}
BENCHMARK(BesideLlvmSymbolizer)->Unit(benchmark::kMillisecond)->Iterations(3);

}  // namespace
}  // namespace stoker::symbolize

BENCHMARK_MAIN();
