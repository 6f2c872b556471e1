// A thread that is stopped and made to go on an instruction at a time.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "base/error.h"
#include "unwind/walker.h"

namespace stoker::replay {

// Used by the thread that made it (ptrace wants that). A command that was started here is killed at the end; one that was
// attached to goes on.
class TracedThread {
 public:
  // Stopped at its first instruction.
  static Result<TracedThread> start(const std::vector<std::string>& command);
  static Result<TracedThread> attach(pid_t tid);
  TracedThread(TracedThread&& other) noexcept;
  TracedThread& operator=(TracedThread&&) = delete;
  ~TracedThread();

  pid_t tid() const { return tid_; }
  Result<unwind::Registers> registers() const;

  // False: the thread has ended. Signals that come are delivered.
  bool step();
  bool run_for(std::chrono::milliseconds time);

  // Lets other tracers in; the process stays stopped. Nothing else may be called afterwards.
  void release_stopped();

 private:
  TracedThread(pid_t tid, bool started) : tid_(tid), started_(started) {}
  bool resume(int request);

  pid_t tid_;
  bool started_;
  bool traced_ = true;
  int signal_ = 0;  // to be delivered when it goes on
};

}  // namespace stoker::replay
