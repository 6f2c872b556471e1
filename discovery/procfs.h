// What /proc says of a process (proc(5)), read from any tree that looks like it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "discovery/file_key.h"
#include "elf/address.h"

namespace stoker::discovery {

// From /proc/PID/stat.
struct ProcStat {
  std::string comm;
  char state = '?';  // 'Z': the main thread has exited; others may run on
  pid_t parent = 0;
  bool kernel_thread = false;
  std::int32_t threads = 1;
  std::uint64_t start_ticks = 0;  // since boot, on CLOCK_BOOTTIME
};

std::optional<ProcStat> parse_stat(std::string_view text);

// start_ticks on the clock of samples and sideband records; to 10 ms.
MonotonicTime start_time(const ProcStat& stat);

// One line of /proc/PID/maps.
struct MapsLine {
  elf::RunAddress start;
  elf::RunAddress end;
  elf::FileOffset offset;
  bool executable = false;
  FileKey file;
  std::string path;  // "" for memory without a name
};

std::optional<MapsLine> parse_maps_line(std::string_view line);

// visit(line) for each executable mapping. False when the process cannot be read, or shows none at all. Read in
// pieces: the maps of one process may have 65,530 lines. A process whose main thread has exited shows nothing under
// its own name; then its other threads are asked.
bool read_executable_maps(const std::string& proc_root, pid_t pid,
                          const std::function<void(const MapsLine&)>& visit);

// The numbers in a directory's names: processes in /proc, threads in /proc/PID/task.
Result<std::vector<pid_t>> list_numbers(const std::string& directory);

}  // namespace stoker::discovery
