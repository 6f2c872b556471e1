// The line that a waiting person watches.
#pragma once

#include <string>

namespace stoker::agent {

// On stderr, over itself; silent where stderr is no terminal. Clears itself when it goes.
class ProgressLine {
 public:
  ProgressLine();
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  bool visible() const { return terminal_; }
  void show(const std::string& text);
  void clear();

 private:
  bool terminal_;
  bool shown_ = false;
};

}  // namespace stoker::agent
