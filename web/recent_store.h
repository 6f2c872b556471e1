// The profiles of the last minutes, in little memory: what the live page draws.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "profile/profile.h"

namespace stoker::web {

// Keeps each window as gzipped pprof (a tenth to a thirtieth of its size in memory) and reads it when it is asked for.
// Bounded by bytes and age; the oldest go first. Any thread may call any of it: add comes from the pipeline, the rest
// from the http threads, and none of them compresses or reads under the lock.
//
// Samples of several processes carry their name as text label "process" (profile/process.h).
class RecentStore {
 public:
  struct Options {
    std::size_t max_bytes = 8 << 20;
    std::chrono::nanoseconds max_age = std::chrono::minutes(15);
  };

  explicit RecentStore(const Options& options) : options_(options) {}

  // Several profiles of one window may come one after the other. Errors: write_pprof's; the store is as before.
  Result<> add(const profile::Profile& window);

  // All windows that end after `since`, merged; of process only, if it is not "". Windows with other sample types than
  // the first are left out. An empty CPU profile when there is nothing.
  profile::Profile merged(WallTime since, const std::string& process) const;

  // Processes of those windows with their values (of the default type), largest first.
  std::vector<std::pair<std::string, std::int64_t>> processes(WallTime since) const;

  // Changes with each window that comes or goes.
  std::uint64_t generation() const;
  std::size_t bytes() const;
  std::size_t windows() const;

 private:
  struct Window {
    WallTime end;
    std::string pprof;
    std::vector<std::pair<std::string, std::int64_t>> processes;
  };
  using WindowRef = std::shared_ptr<const Window>;

  std::vector<WindowRef> since(WallTime time) const;
  void drop_old();  // under the lock

  const Options options_;
  mutable std::mutex mutex_;
  std::deque<WindowRef> windows_;
  std::size_t bytes_ = 0;
  std::uint64_t generation_ = 0;
};

}  // namespace stoker::web
