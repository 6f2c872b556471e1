#include "exporters/pyroscope.h"

#include <algorithm>
#include <random>
#include <utility>

#include "base/log.h"
#include "base/thread.h"

namespace stoker::exporters {
namespace {

using std::chrono::milliseconds;

// What a profile takes in memory, roughly: its tables' sizes times what an entry was measured to take.
std::size_t estimated_bytes(const profile::Profile& profile) {
  return profile.samples().size() * 64 + profile.stacks().size() * 192 + profile.locations().size() * 96 +
         profile.functions().size() * 192 + profile.mappings().size() * 256;
}

milliseconds time_left(MonotonicTime deadline) {
  const MonotonicTime now = monotonic_now();
  return now >= deadline ? milliseconds(0) : milliseconds((deadline.ns - now.ns) / 1'000'000);
}

}  // namespace

Result<std::unique_ptr<PyroscopeExporter>> PyroscopeExporter::start(Options options,
                                                                    metrics::Registry& registry) {
  auto client = PushClient::make(options.target);
  if (!client) {
    return std::unexpected(std::move(client.error()));
  }
  return std::unique_ptr<PyroscopeExporter>(
      new PyroscopeExporter(std::move(options), registry, std::move(*client)));
}

PyroscopeExporter::PyroscopeExporter(Options options, metrics::Registry& registry,
                                     std::unique_ptr<PushClient> client)
    : options_(std::move(options)),
      metrics_(registry),
      client_(std::move(client)),
      queue_(options_.queue, std::random_device()()),
      limiter_(std::chrono::minutes(1)),
      thread_(start_thread("export", [this] { run(); })) {}

PyroscopeExporter::~PyroscopeExporter() {
  shutdown(std::chrono::seconds(5));
}

bool PyroscopeExporter::push(std::vector<Series> series) {
  bool complete = true;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) {
      return false;
    }
    for (Series& one : series) {
      incoming_bytes_ += estimated_bytes(*one.profile);
      incoming_.push_back(std::move(one));
    }
    // A profile that is too large by itself is better encoded at once than lost.
    while (incoming_.size() > options_.max_incoming ||
           (incoming_.size() > 1 && incoming_bytes_ > options_.max_incoming_bytes)) {
      incoming_bytes_ -= estimated_bytes(*incoming_.front().profile);
      incoming_.pop_front();
      ++overflow_;
      complete = false;
    }
  }
  wake_.notify_one();
  return complete;
}

void PyroscopeExporter::shutdown(milliseconds bound) {
  std::unique_lock lock(mutex_);
  if (!stopping_) {
    stopping_ = true;
    deadline_ = {monotonic_now().ns + static_cast<std::uint64_t>(Nanoseconds(bound).count())};
    wake_.notify_one();
  }
  if (!ended_.wait_for(lock, bound, [this] { return finished_; })) {
    client_->stop();
  }
  lock.unlock();
  if (thread_.joinable()) {
    thread_.join();
  }
}

void PyroscopeExporter::run() {
  for (;;) {
    encode_all(wait_for_work());
    {
      const std::lock_guard lock(mutex_);
      if (stopping_ && incoming_.empty()) {
        break;
      }
    }
    drop("too_old", queue_.drop_old(wall_now()), "the server takes profiles of the last hour only");
    if (auto item = queue_.take(monotonic_now())) {
      attempt(std::move(*item));
    }
    show_queue();
  }
  flush();
  show_queue();
  {
    const std::lock_guard lock(mutex_);
    finished_ = true;
  }
  ended_.notify_all();
}

std::deque<Series> PyroscopeExporter::wait_for_work() {
  std::deque<Series> work;
  std::size_t overflow = 0;
  {
    std::unique_lock lock(mutex_);
    const auto has_work = [this] { return stopping_ || !incoming_.empty() || overflow_ > 0; };
    if (const auto due = queue_.due()) {
      const MonotonicTime now = monotonic_now();
      wake_.wait_for(lock, Nanoseconds(due->ns > now.ns ? due->ns - now.ns : 0), has_work);
    } else {
      wake_.wait(lock, has_work);
    }
    work.swap(incoming_);
    incoming_bytes_ = 0;
    overflow = std::exchange(overflow_, 0);
  }
  metrics_.accepted.add(static_cast<double>(overflow));
  drop("queue_full", overflow, "profiles come faster than they can be encoded and sent");
  return work;
}

void PyroscopeExporter::encode_all(std::deque<Series> series) {
  for (; !series.empty(); series.pop_front()) {
    const WallTime time = series.front().profile->time;
    auto encoded = encode(series.front());
    if (!encoded) {
      metrics_.accepted.add();
      drop("encode", 1, encoded.error().message());
      continue;
    }
    metrics_.accepted.add(static_cast<double>(encoded->bodies.size() + encoded->oversize));
    metrics_.dropped_labels.add(static_cast<double>(encoded->dropped_labels));
    drop("too_large", encoded->oversize, "one sample alone is above the server's limit");
    for (std::string& body : encoded->bodies) {
      const std::size_t pushed_out = queue_.add({.body = std::move(body), .time = time});
      drop("queue_full", pushed_out, "the server does not take profiles as fast as they come");
    }
  }
}

Outcome PyroscopeExporter::send(const PushItem& item, milliseconds timeout) {
  const MonotonicTime start = monotonic_now();
  Outcome outcome = client_->push(item.body, timeout);
  metrics_.seconds.observe(static_cast<double>(monotonic_now().ns - start.ns) / 1e9);
  if (outcome.verdict == Verdict::kStored) {
    queue_.stored();
    metrics_.sent.add();
    metrics_.sent_bytes.add(static_cast<double>(item.body.size()));
    metrics_.last_success.set(static_cast<double>(wall_now().ns) / 1e9);
    if (std::exchange(server_failing_, false)) {
      log::info("pushing to {} works again, {} profiles wait", options_.target.url, queue_.size());
    }
  }
  return outcome;
}

void PyroscopeExporter::attempt(PushItem item) {
  const Outcome outcome = send(item, options_.target.timeout);
  if (outcome.verdict == Verdict::kRefused) {
    queue_.refused();
    drop(outcome.reason, 1, outcome.detail);
  } else if (outcome.verdict == Verdict::kRetry) {
    if (!std::exchange(server_failing_, true)) {
      log::warning("cannot push to {}: {} ({}); it is tried again", options_.target.url, outcome.reason,
                   outcome.detail);
    }
    if (queue_.failed(std::move(item), outcome, monotonic_now())) {
      metrics_.retries.add();
    } else {
      drop("retries", 1, outcome.reason + " " + outcome.detail);
    }
  }
}

void PyroscopeExporter::flush() {
  while (auto item = queue_.take_any()) {
    const milliseconds left = time_left(deadline_);
    const Outcome outcome =
        left.count() > 0 ? send(*item, left)
                         : Outcome{.verdict = Verdict::kRetry, .reason = "shutdown", .whole_server = true};
    if (outcome.verdict == Verdict::kRefused) {
      drop(outcome.reason, 1, outcome.detail);
    } else if (outcome.verdict == Verdict::kRetry) {
      std::size_t lost = 1;
      while (outcome.whole_server && queue_.take_any()) {
        ++lost;
      }
      drop("shutdown", lost, "the agent ends and the server did not take them in time");
    }
  }
}

void PyroscopeExporter::drop(const std::string& reason, std::size_t count, const std::string& detail) {
  if (count == 0) {
    return;
  }
  metrics_.dropped(reason).add(static_cast<double>(count));
  if (const auto silenced = limiter_.may_say(reason, monotonic_now())) {
    log::warning("{} profiles for {} dropped: {} ({}){}", count, options_.target.url, reason, detail,
                 *silenced > 0 ? fmt::format("; {} such messages left out", *silenced) : "");
  }
}

void PyroscopeExporter::show_queue() {
  metrics_.queued.set(static_cast<double>(queue_.size()));
  metrics_.queued_bytes.set(static_cast<double>(queue_.bytes()));
}

}  // namespace stoker::exporters
