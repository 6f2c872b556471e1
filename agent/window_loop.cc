#include "agent/window_loop.h"

#include <algorithm>
#include <utility>

#include "agent/memory_use.h"
#include "base/thread.h"

namespace stoker::agent {
namespace {

// The first window is short, so that whoever has just started the agent sees something at once.
constexpr std::chrono::seconds kFirstWindow{2};

}  // namespace

WindowLoop::WindowLoop(Session& session, Nanoseconds interval, Deliver deliver)
    : session_(session), interval_(interval), deliver_(std::move(deliver)) {
  thread_ = start_thread("symbols", [this] { run(); });
}

WindowLoop::~WindowLoop() {
  finish();
}

void WindowLoop::finish() {
  {
    const std::lock_guard lock(mutex_);
    finishing_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
}

bool WindowLoop::wait_until(std::chrono::steady_clock::time_point due) {
  std::unique_lock lock(mutex_);
  return !wake_.wait_until(lock, due, [this] { return finishing_; });
}

void WindowLoop::deliver_window(const Window& window) {
  deliver_(window);
  give_back_memory();
}

void WindowLoop::run() {
  auto due = std::chrono::steady_clock::now() + std::min<Nanoseconds>(interval_, kFirstWindow);
  while (wait_until(due)) {
    deliver_window(session_.cut().get());
    due = std::max(due + interval_, std::chrono::steady_clock::now());
  }
  deliver_window(session_.stop());
}

}  // namespace stoker::agent
