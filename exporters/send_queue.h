// Encoded pushes that wait for their turn, and the times at which they may be tried again.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <random>
#include <string>

#include "base/clock.h"
#include "exporters/push_outcome.h"

namespace stoker::exporters {

struct PushItem {
  std::string body;  // a serialized PushRequest of one series
  WallTime time;     // of its profile
  int attempts = 0;  // that failed
  MonotonicTime ready;
};

// Single-threaded, and asks no clock: times come from the caller. Oldest first. Each item waits its own
// exponential backoff; a failure that concerns the whole server (no answer, 429, 503), or the third of any
// kind in a row, makes all of them wait, so that a server that is down gets one attempt per backoff and not
// one per item. A refused or failing item alone holds up nobody else.
class SendQueue {
 public:
  struct Options {
    std::size_t max_bytes = 8 << 20;
    std::size_t max_items = 4096;
    std::chrono::milliseconds min_backoff{500};
    std::chrono::milliseconds max_backoff{5 * 60 * 1000};
    int max_retries = 10;  // 0: for ever
    // The server accepts profiles of the last hour (now - 1 h … now + 10 min).
    std::chrono::seconds max_age{58 * 60};
  };

  SendQueue(const Options& options, std::uint32_t seed) : options_(options), random_(seed) {}

  // Returns how many items, the oldest, were dropped to make room; the new one is dropped if it alone is too
  // large.
  std::size_t add(PushItem item);

  // Drops what is older than max_age; returns how many.
  std::size_t drop_old(WallTime now);

  // Takes the oldest item that may be sent now. Its fate is told by stored(), refused() or failed().
  std::optional<PushItem> take(MonotonicTime now);
  // Takes the oldest whatever it waits for: for the last attempt before the end.
  std::optional<PushItem> take_any();

  void stored();
  void refused();
  // False when its attempts are used up and it is dropped.
  bool failed(PushItem item, const Outcome& outcome, MonotonicTime now);

  // When take will give something; nullopt when empty.
  std::optional<MonotonicTime> due() const;

  std::size_t size() const { return items_.size(); }
  std::size_t bytes() const { return bytes_; }

 private:
  PushItem remove(const std::deque<PushItem>::iterator& position);
  Nanoseconds backoff(int failures);

  Options options_;
  std::minstd_rand random_;
  std::deque<PushItem> items_;
  std::size_t bytes_ = 0;
  int failures_in_a_row_ = 0;
  MonotonicTime server_ready_;
};

}  // namespace stoker::exporters
