#include "exporters/send_queue.h"

#include <algorithm>
#include <utility>

namespace stoker::exporters {
namespace {

constexpr int kFailuresOfAServer = 3;

MonotonicTime after(MonotonicTime time, Nanoseconds wait) {
  return {time.ns + static_cast<std::uint64_t>(wait.count())};
}

}  // namespace

PushItem SendQueue::remove(const std::deque<PushItem>::iterator& position) {
  PushItem item = std::move(*position);
  items_.erase(position);
  bytes_ -= item.body.size();
  return item;
}

std::size_t SendQueue::add(PushItem item) {
  if (item.body.size() > options_.max_bytes || options_.max_items == 0) {
    return 1;
  }
  std::size_t dropped = 0;
  while (items_.size() >= options_.max_items || bytes_ + item.body.size() > options_.max_bytes) {
    remove(items_.begin());
    ++dropped;
  }
  bytes_ += item.body.size();
  items_.push_back(std::move(item));
  return dropped;
}

std::size_t SendQueue::drop_old(WallTime now) {
  const std::int64_t oldest = now.ns - Nanoseconds(options_.max_age).count();
  const std::size_t dropped = std::erase_if(items_, [&](const PushItem& item) {
    const bool old = item.time.ns != 0 && item.time.ns < oldest;
    bytes_ -= old ? item.body.size() : 0;
    return old;
  });
  return dropped;
}

std::optional<PushItem> SendQueue::take(MonotonicTime now) {
  if (now < server_ready_) {
    return std::nullopt;
  }
  const auto found = std::ranges::find_if(items_, [&](const PushItem& item) { return item.ready <= now; });
  if (found == items_.end()) {
    return std::nullopt;
  }
  return remove(found);
}

std::optional<PushItem> SendQueue::take_any() {
  if (items_.empty()) {
    return std::nullopt;
  }
  return remove(items_.begin());
}

void SendQueue::stored() {
  failures_in_a_row_ = 0;
  server_ready_ = {};
}

void SendQueue::refused() {
  failures_in_a_row_ = 0;
}

bool SendQueue::failed(PushItem item, const Outcome& outcome, MonotonicTime now) {
  ++item.attempts;
  ++failures_in_a_row_;
  if (outcome.whole_server || failures_in_a_row_ >= kFailuresOfAServer) {
    const Nanoseconds asked = std::min(outcome.retry_after, options_.max_backoff);
    server_ready_ = after(now, std::max(backoff(failures_in_a_row_), asked));
  }
  if (options_.max_retries > 0 && item.attempts > options_.max_retries) {
    return false;
  }
  item.ready = after(now, backoff(item.attempts));
  // It keeps its place: it is older than what was added meanwhile.
  const auto place =
      std::ranges::find_if(items_, [&](const PushItem& other) { return other.time > item.time; });
  bytes_ += item.body.size();
  items_.insert(place, std::move(item));
  return true;
}

// min_backoff doubled with each failure, up to max_backoff; then anything from a half of it to all of it, so
// that many agents do not return to a server at the same moment.
Nanoseconds SendQueue::backoff(int failures) {
  const int doublings = std::clamp(failures - 1, 0, 20);
  const Nanoseconds longest =
      std::min<Nanoseconds>(Nanoseconds(options_.min_backoff) * (1 << doublings), options_.max_backoff);
  return Nanoseconds(
      std::uniform_int_distribution<std::int64_t>(longest.count() / 2, longest.count())(random_));
}

std::optional<MonotonicTime> SendQueue::due() const {
  if (items_.empty()) {
    return std::nullopt;
  }
  return std::max(server_ready_, std::ranges::min(items_, {}, &PushItem::ready).ready);
}

}  // namespace stoker::exporters
