// Cuts windows at a fixed interval and hands their profiles on. Runs on the `symbols` thread, so that reading symbols
// never holds up the pipeline, and a slow destination neither (exporters queue by themselves).
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "agent/profile_builder.h"
#include "agent/session.h"
#include "base/clock.h"

namespace stoker::agent {

class WindowLoop {
 public:
  // Called on the `symbols` thread with each window; must outlive the loop.
  using Deliver = std::function<void(const Window& window)>;

  WindowLoop(Session& session, Nanoseconds interval, Deliver deliver);
  ~WindowLoop();
  WindowLoop(const WindowLoop&) = delete;
  WindowLoop& operator=(const WindowLoop&) = delete;

  // Stops the session, delivers what was sampled since the last window, and ends the thread.
  void finish();

 private:
  void run();
  void deliver_window(const Window& window);
  // False once the loop is to end.
  bool wait_until(std::chrono::steady_clock::time_point due);

  Session& session_;
  Nanoseconds interval_;
  Deliver deliver_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool finishing_ = false;
  std::jthread thread_;
};

}  // namespace stoker::agent
