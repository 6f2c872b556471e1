// Pushes profiles to a Pyroscope-compatible server (push.v1.PusherService/Push, Connect unary).
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/metrics.h"
#include "exporters/log_limiter.h"
#include "exporters/push_client.h"
#include "exporters/push_encoder.h"
#include "exporters/push_metrics.h"
#include "exporters/send_queue.h"

namespace stoker::exporters {

// Owns the `export` thread, which encodes and sends; what crosses to it are Series, through a queue bounded
// in number and bytes. When the server does not keep up the oldest profiles are dropped, and counted: they
// are the first that the server would refuse for their age. A request whose answer got lost is sent again, so
// the server may have it twice: the protocol has no ids that would prevent it.
class PyroscopeExporter {
 public:
  struct Options {
    PushTarget target;
    SendQueue::Options queue;
    // Of the profiles that are not encoded yet; bytes as estimated.
    std::size_t max_incoming = 1024;
    std::size_t max_incoming_bytes = 16 << 20;
  };

  // registry must outlive the exporter. Errors: a bad address or header. Nothing is sent yet.
  static Result<std::unique_ptr<PyroscopeExporter>> start(Options options, metrics::Registry& registry);
  // As shutdown(5 s).
  ~PyroscopeExporter();
  PyroscopeExporter(const PyroscopeExporter&) = delete;
  PyroscopeExporter& operator=(const PyroscopeExporter&) = delete;

  // From any thread; never waits for the server. False when something was dropped to make room, or after
  // shutdown.
  bool push(std::vector<Series> series);

  // Makes one last attempt for all that is queued, as far as `bound` allows; what is left is counted as
  // dropped. Only a connection that is being made may take longer, by at most 5 s.
  void shutdown(std::chrono::milliseconds bound);

 private:
  PyroscopeExporter(Options options, metrics::Registry& registry, std::unique_ptr<PushClient> client);

  // On the export thread.
  void run();
  std::deque<Series> wait_for_work();
  void encode_all(std::deque<Series> series);
  void attempt(PushItem item);
  void flush();
  Outcome send(const PushItem& item, std::chrono::milliseconds timeout);
  void drop(const std::string& reason, std::size_t count, const std::string& detail);
  void show_queue();

  const Options options_;
  PushMetrics metrics_;
  std::unique_ptr<PushClient> client_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable ended_;
  std::deque<Series> incoming_;
  std::size_t incoming_bytes_ = 0;
  std::size_t overflow_ = 0;  // dropped from incoming_, not yet told by the export thread
  bool stopping_ = false;
  bool finished_ = false;
  MonotonicTime deadline_;

  // The export thread's own.
  SendQueue queue_;
  LogLimiter limiter_;
  bool server_failing_ = false;

  std::jthread thread_;
};

}  // namespace stoker::exporters
