// What following processes costs: time a record, memory a process, time to read /proc at start.
#include <benchmark/benchmark.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <string>

#include "discovery/processes.h"
#include "discovery/sideband.h"

namespace {

using namespace stoker;
using namespace stoker::discovery;

// As the kernel records a mapping of a file that is there.
FileKey key_of(const std::string& path) {
  struct stat status{};
  ::stat(path.c_str(), &status);
  return {.major = ::major(status.st_dev), .minor = ::minor(status.st_dev), .inode = status.st_ino};
}

SidebandEvent map_event(std::uint64_t time, pid_t pid, std::uint64_t start, const std::string& path,
                        const FileKey& key) {
  MapEvent event;
  event.pid = pid;
  event.tid = pid;
  event.start = {start};
  event.end = {start + 0x8000};
  event.path = path;
  event.file = key;
  return {{time}, event};
}

// The records of one /bin/true: fork, exec, four mappings, exit. The files are there, and opened once.
void apply_short_process(benchmark::State& state) {
  BinaryTable binaries;
  ProcessTable table({.proc_root = "/nonexistent"}, binaries);
  std::uint64_t time = monotonic_now().ns;
  table.apply({{++time}, ForkEvent{.pid = 1, .tid = 1, .parent = 0}});
  const std::array<std::string, 3> paths{"/usr/bin/true", "/usr/bin/env", "/usr/bin/cat"};
  const std::array keys{key_of(paths[0]), key_of(paths[1]), key_of(paths[2])};
  pid_t pid = 100;
  std::uint64_t records = 0;
  for (auto _ : state) {
    pid = 100 + (pid - 99) % 30000;
    table.apply({{++time}, ForkEvent{.pid = pid, .tid = pid, .parent = 1}});
    table.apply({{++time}, CommEvent{.pid = pid, .tid = pid, .exec = true, .comm = "true"}});
    table.apply(map_event(++time, pid, 0x560000000000, paths[0], keys[0]));
    table.apply(map_event(++time, pid, 0x7f0000000000, paths[1], keys[1]));
    table.apply(map_event(++time, pid, 0x7ff000000000, "[vdso]", {}));
    table.apply(map_event(++time, pid, 0x7f1000000000, paths[2], keys[2]));
    table.apply({{++time}, ExitEvent{.pid = pid, .tid = pid}});
    time += 1'000'000;
    records += 7;
    if (records % 7000 == 0) {
      table.trim({time});
    }
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(records));
  state.counters["opened"] = static_cast<double>(binaries.opened());
}
BENCHMARK(apply_short_process);

void map_into_large_process(benchmark::State& state) {
  BinaryTable binaries({.proc_root = "/nonexistent", .own_root = "/nonexistent"});
  ProcessTable table({.proc_root = "/nonexistent"}, binaries);
  std::uint64_t time = monotonic_now().ns;
  for (std::uint64_t i = 0; i < 65530; ++i) {
    table.apply(map_event(++time, 100, 0x10000 * (i + 1), "//anon", {}));
  }
  std::uint64_t i = 0;
  for (auto _ : state) {
    i = (i * 7919 + 13) % 65530;
    table.apply(map_event(++time, 100, 0x10000 * (i + 1), "//anon", {}));
  }
}
BENCHMARK(map_into_large_process);

void resolve_sampled_file(benchmark::State& state) {
  BinaryTable binaries;
  ProcessTable table({}, binaries);
  Process& self = table.at(::getpid());
  const elf::RunAddress here{reinterpret_cast<std::uint64_t>(&resolve_sampled_file)};
  for (auto _ : state) {
    benchmark::DoNotOptimize(table.resolve(self, here));
  }
}
BENCHMARK(resolve_sampled_file);

void scan_proc(benchmark::State& state) {
  for (auto _ : state) {
    BinaryTable binaries;
    ProcessTable table({}, binaries);
    state.counters["processes"] = static_cast<double>(table.scan().value_or(0));
    state.counters["bytes"] = static_cast<double>(table.memory());
  }
}
BENCHMARK(scan_proc)->Unit(benchmark::kMillisecond);

// Ten thousand processes of thirty executable mappings each, none shared.
void memory_of_processes(benchmark::State& state) {
  for (auto _ : state) {
    BinaryTable binaries({.proc_root = "/nonexistent", .own_root = "/nonexistent"});
    ProcessTable table({.proc_root = "/nonexistent", .open_at_first_sight = false}, binaries);
    std::uint64_t time = monotonic_now().ns;
    for (pid_t pid = 1; pid <= 10000; ++pid) {
      for (std::uint64_t i = 1; i <= 30; ++i) {
        table.apply(map_event(++time, pid, 0x7f0000000000 - i * 0x100000, "/usr/lib/lib" + std::to_string(i),
                              {.inode = i}));
      }
    }
    state.counters["bytes_per_process"] = static_cast<double>(table.memory()) / 10000;
  }
}
BENCHMARK(memory_of_processes)->Unit(benchmark::kMillisecond)->Iterations(1);

}  // namespace

BENCHMARK_MAIN();
