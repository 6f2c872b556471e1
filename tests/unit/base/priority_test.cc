#include "base/priority.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace stoker {
namespace {

int nice() {
  return ::getpriority(PRIO_PROCESS, 0);
}

TEST(PriorityBoost, LastsAsLongAsItLives) {
  const int before = nice();
  const bool allowed = ::setpriority(PRIO_PROCESS, 0, before - 1) == 0;
  ::setpriority(PRIO_PROCESS, 0, before);
  {
    const PriorityBoost boost;
    EXPECT_EQ(nice(), allowed && before > -10 ? -10 : before);
    const PriorityBoost inner;
  }
  EXPECT_EQ(nice(), before);
}

}  // namespace
}  // namespace stoker
