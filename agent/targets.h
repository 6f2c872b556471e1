// What `record` is asked to record: processes that exist, or a command it starts.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"

namespace stoker::agent {

// A process that is to be recorded until it ends.
struct TargetProcess {
  pid_t pid = 0;
  UniqueFd pidfd;  // readable once the process has ended
};

// pid may be any thread's: its process is taken. An error for one that does not exist, or that has ended and is only
// kept as a zombie.
Result<TargetProcess> open_target(pid_t pid);

// All living descendants of the processes, themselves left out.
std::vector<pid_t> descendants(const std::vector<pid_t>& pids);

// A command that is started but waits before its first instruction until release().
class StartedCommand {
 public:
  // The child inherits standard input, output and error.
  static Result<StartedCommand> start(std::vector<std::string> arguments);
  StartedCommand(StartedCommand&&) = default;
  StartedCommand& operator=(StartedCommand&&) = default;
  // Ends a child that was never released.
  ~StartedCommand();

  pid_t pid() const { return pid_; }
  int pidfd() const { return pidfd_.get(); }
  // Lets it run. An error when the program cannot be executed.
  Result<> release();
  // After it ended: "exited with status 3", "killed by signal 9"; "" for success.
  std::string wait();

 private:
  StartedCommand() = default;

  std::string name_;
  pid_t pid_ = 0;
  UniqueFd pidfd_;
  UniqueFd gate_;     // closed: the child goes on
  UniqueFd verdict_;  // errno of a failed exec; closed by a successful one
};

}  // namespace stoker::agent
