// Ctrl-C and its kind.
#pragma once

namespace stoker::agent {

// From construction on: the first SIGINT or SIGTERM makes fd() readable, so that a command ends in order and keeps what
// it has; the second ends the process at once with kFailure. One per process.
class Interrupts {
 public:
  Interrupts();
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  int fd() const;
  bool raised() const;
};

}  // namespace stoker::agent
