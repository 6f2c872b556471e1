// Profiles as pprof files in a directory of bounded size and age.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "base/metrics.h"
#include "profile/profile.h"

namespace stoker::exporters {

// One file a window: "stoker-20261122T021000.000000000Z.pb.gz", named for the window's start, in UTC. Other files in
// the directory are left alone. Single-threaded, and waits for the disk: not for a thread that has to keep up.
class DirectoryExporter {
 public:
  struct Options {
    std::string directory;  // exists
    std::uint64_t max_bytes = std::uint64_t{1} << 30;
    std::chrono::seconds max_age = std::chrono::hours(24);
  };

  // Looks once for the files of earlier runs. Errors: no such directory, or one that cannot be written. registry must
  // outlive the exporter.
  static Result<DirectoryExporter> open(Options options, metrics::Registry& registry);

  // Writes aside and renames, then removes the oldest files until size and age are within bounds; the new one stays.
  // On an error the window is lost and counted. now: for the age.
  Result<> write(const profile::Profile& window, WallTime now = wall_now());

 private:
  struct File {
    std::string name;
    WallTime time;  // of the window, from the name
    std::uint64_t bytes = 0;
  };

  DirectoryExporter(Options options, metrics::Registry& registry);
  Result<> find_files();
  void remove_surplus(WallTime now);

  Options options_;
  std::deque<File> files_;  // oldest first
  std::uint64_t bytes_ = 0;
  metrics::Counter written_;
  metrics::Counter failed_;
  metrics::Counter removed_;
  metrics::Gauge used_;
};

}  // namespace stoker::exporters
