// The mappings of sampled processes, as the walk in the kernel reads them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <set>
#include <span>
#include <unordered_map>
#include <vector>

#include "agent/stats.h"
#include "agent/table_store.h"
#include "bpf/shared/walk_maps.h"
#include "discovery/processes.h"

namespace stoker::agent {

// A process is written when its first sample has come, and again whenever its mappings or the tables of its files
// change. Pipeline thread only.
class ProcessMaps : public discovery::MappingObserver {
 public:
  // map: descriptor of map_blocks. The others must outlive this object; it observes processes.
  ProcessMaps(int map, discovery::ProcessTable& processes, TableStore& tables, StatCounters& stats);
  ~ProcessMaps() override;
  ProcessMaps(const ProcessMaps&) = delete;
  ProcessMaps& operator=(const ProcessMaps&) = delete;

  // A sample of the process has come: from now on the kernel has its mappings. Cheap when it has them already.
  void sampled(discovery::Process& process, std::uint64_t address_space);
  // Tables came or went: processes that wait for one are written again by the next flush().
  void tables_changed();
  // Writes what has changed.
  void flush();

  void mappings_changed(const discovery::Process& process) override;
  void process_gone(pid_t pid) override;

 private:
  struct Written {
    std::uint64_t image = 0;
    std::uint64_t address_space = 0;
    std::uint32_t blocks = 0;
    bool waits = false;               // some mapping's table is not ready
    std::vector<FileTables*> tables;  // those referred to, each once
  };

  void write(pid_t pid, Written& written);
  map_entry entry_of(discovery::Process& process, const discovery::Mapping& mapping, Written& written);
  // False where the map is full.
  bool put(pid_t pid, std::uint32_t number, std::uint64_t address_space, std::span<const map_entry> entries);
  void remove_blocks(pid_t pid, std::uint32_t from, std::uint32_t to);
  static void release(Written& written);

  int map_;
  discovery::ProcessTable& processes_;
  TableStore& tables_;
  StatCounters& stats_;
  std::unordered_map<pid_t, Written> written_;
  std::set<pid_t> dirty_;
  std::uint32_t generation_ = 0;  // of the last write
};

}  // namespace stoker::agent
