#include "discovery/cpu_list.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace stoker::discovery {
namespace {

TEST(CpuList, ReadsSinglesAndRanges) {
  EXPECT_EQ(parse_cpu_list("0\n").value(), std::vector{0});
  EXPECT_EQ(parse_cpu_list("0-2,5,8-9\n").value(), (std::vector{0, 1, 2, 5, 8, 9}));
  EXPECT_EQ(parse_cpu_list("\n").value(), std::vector<int>{});
}

TEST(CpuList, AnythingElseIsAnError) {
  for (const char* const text : {"x", "1-", "-1", "3-1", "1,,2", "1,", "0-99999999", "1 2", "99999999999"}) {
    EXPECT_FALSE(parse_cpu_list(text)) << text;
  }
}

TEST(CpuList, OnlineCpusAreThoseTheSystemCounts) {
  EXPECT_EQ(online_cpus().value().size(), static_cast<std::size_t>(::sysconf(_SC_NPROCESSORS_ONLN)));
}

}  // namespace
}  // namespace stoker::discovery
