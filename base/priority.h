// A thread that goes first for a moment.
#pragma once

namespace stoker {

// While it lives, the calling thread is scheduled ahead of ordinary ones (nice −10), if it may raise its priority;
// threads started meanwhile inherit that. For short work that somebody waits for.
class PriorityBoost {
 public:
  PriorityBoost();
  ~PriorityBoost();
  PriorityBoost(const PriorityBoost&) = delete;
  PriorityBoost& operator=(const PriorityBoost&) = delete;

 private:
  int before_;
  bool raised_ = false;
};

}  // namespace stoker
