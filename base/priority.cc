#include "base/priority.h"

#include <sys/resource.h>

namespace stoker {
namespace {

constexpr int kRaised = -10;

}  // namespace

// On Linux a who of 0 means the calling thread (setpriority(2), "C library/kernel differences").
PriorityBoost::PriorityBoost() : before_(::getpriority(PRIO_PROCESS, 0)) {
  raised_ = before_ > kRaised && ::setpriority(PRIO_PROCESS, 0, kRaised) == 0;
}

PriorityBoost::~PriorityBoost() {
  if (raised_) {
    ::setpriority(PRIO_PROCESS, 0, before_);
  }
}

}  // namespace stoker
