// ELF file → unwind tables: rows a second, bytes a row, memory while converting.
//
// STOKER_UNWIND_FILE names the file (libLLVM of the system where not set). With STOKER_GIMLI_ROWS, the program that
// `cargo build --release` makes of bench/gimli_rows, the same rows are iterated by gimli in the same run and the
// counter vs_gimli is how many times as fast the whole conversion is as gimli's iteration alone.
#include <benchmark/benchmark.h>
#include <malloc.h>
#include <time.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "unwind/cfi.h"
#include "unwind/cfi_program.h"
#include "unwind/cfi_sources.h"
#include "unwind/table_builder.h"

namespace stoker::unwind {
namespace {

std::string file_name() {
  if (const char* given = std::getenv("STOKER_UNWIND_FILE")) {
    return given;
  }
  for (const char* candidate :
       {"/usr/lib/x86_64-linux-gnu/libLLVM-16.so.1", "/usr/lib/x86_64-linux-gnu/libLLVM.so.19.1",
        "/usr/lib/x86_64-linux-gnu/libLLVM-14.so.1"}) {
    if (std::filesystem::exists(candidate)) {
      return candidate;
    }
  }
  return "/proc/self/exe";
}

// Rows by CFI, before neighbours are merged; what gimli counts too.
std::uint64_t count_rows(const elf::ElfFile& file) {
  const CfiSources sources = find_cfi(file);
  CfiReader reader(sources.eh_frame);
  std::uint64_t rows = 0;
  while (const auto fde = reader.next()) {
    StateStack<X86State> remembered;
    const X86State nothing;
    X86State state;
    state.cfa.kind = CfaKind::kRegister;  // the CIE's program is not run: it makes no rows
    const Cie& cie = reader.cie(fde->cie);
    const ProgramInput<X86State> input{reader.section(), cie, nothing, remembered};
    run_program(input, fde->program, fde->start.value, fde->start.value + fde->size, state,
                [&rows](std::uint64_t, std::uint64_t, const X86State&) { ++rows; });
    ++rows;
  }
  return rows;
}

// Rows a second of the fastest of five passes; 0 without the program.
double gimli_rows_per_second(const std::string& path) {
  const char* program = std::getenv("STOKER_GIMLI_ROWS");
  if (program == nullptr) {
    return 0;
  }
  double rows = 0;
  double seconds = 0;
  const std::string command = std::string(program) + " '" + path + "' 5";
  std::FILE* pipe = popen(command.c_str(), "r");
  const bool read = pipe != nullptr && std::fscanf(pipe, "%lf %lf", &rows, &seconds) == 2;
  if (pipe != nullptr) {
    pclose(pipe);
  }
  return read && seconds > 0 ? rows / seconds : 0;
}

// CPU time of this thread: what else the machine does should not count, here as in gimli_rows.
double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

// A field of /proc/self/status in bytes.
std::size_t status_bytes(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string name; status >> name;) {
    if (name == field + ":") {
      std::size_t kilobytes = 0;
      status >> kilobytes;
      return kilobytes * 1024;
    }
  }
  return 0;
}

// Makes VmHWM begin anew (proc(5), clear_refs).
void reset_peak() {
  std::ofstream("/proc/self/clear_refs") << 5;
}

void build(benchmark::State& state) {
  const std::string path = file_name();
  const auto file = elf::ElfFile::open(path);
  if (!file) {
    state.SkipWithError(file.error().message().c_str());
    return;
  }
  const auto rows = static_cast<double>(count_rows(*file));
  const double gimli = gimli_rows_per_second(path);
  std::size_t table_bytes = 0;
  std::size_t table_rows = 0;
  std::size_t peak = 0;
  double fastest = 0;
  benchmark::DoNotOptimize(build_tables(*file));  // the file's pages are in
  for (auto _ : state) {
    state.PauseTiming();
    malloc_trim(0);
    reset_peak();
    const std::size_t before = status_bytes("VmRSS");
    state.ResumeTiming();
    const double start = cpu_seconds();
    auto tables = build_tables(*file);
    const double took = cpu_seconds() - start;
    benchmark::DoNotOptimize(tables);
    if (!tables) {
      state.SkipWithError(tables.error().message().c_str());
      return;
    }
    fastest = std::max(fastest, rows / took);
    state.PauseTiming();
    table_bytes = tables->bytes();
    table_rows = 0;
    for (const UnwindTable& table : tables->segments) {
      table_rows += table.rows().size();
    }
    peak = std::max(peak, status_bytes("VmHWM") - before);
    state.ResumeTiming();
  }
  state.SetLabel(std::filesystem::path(path).filename().string());
  state.counters["rows"] = rows;
  state.counters["rows_per_second"] = fastest;
  state.counters["table_rows"] = static_cast<double>(table_rows);
  state.counters["bytes_per_row"] = static_cast<double>(table_bytes) / static_cast<double>(table_rows);
  state.counters["table_MB"] = static_cast<double>(table_bytes) / 1e6;
  state.counters["peak_vs_table"] = static_cast<double>(peak) / static_cast<double>(table_bytes);
  if (gimli > 0) {
    state.counters["gimli_rows_per_second"] = gimli;
    state.counters["vs_gimli"] = fastest / gimli;
  }
}
BENCHMARK(build)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace stoker::unwind

BENCHMARK_MAIN();
