#include "discovery/procfs.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/mapped_file.h"
#include "proc_tree.h"

namespace stoker::discovery {
namespace {

TEST(Procfs, OwnStatIsReadAsTheSystemCallsHaveIt) {
  const auto text = read_file("/proc/self/stat");
  const auto stat = parse_stat(*text);
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->parent, ::getppid());
  EXPECT_FALSE(stat->kernel_thread);
  EXPECT_GE(stat->threads, 1);
  EXPECT_LE(start_time(*stat), monotonic_now());
  EXPECT_GT(start_time(*stat).ns, 0u);
}

TEST(Procfs, CommMayHoldSpacesAndParentheses) {
  const auto stat = parse_stat("12 (a) S (b) ) R 7 1 1 0 -1 2097216 0 0 0 0 0 0 0 0 20 0 3 0 4567 0 0");
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->comm, "a) S (b) ");
  EXPECT_EQ(stat->state, 'R');
  EXPECT_EQ(stat->parent, 7);
  EXPECT_TRUE(stat->kernel_thread);
  EXPECT_EQ(stat->threads, 3);
  EXPECT_EQ(stat->start_ticks, 4567u);
}

TEST(Procfs, AStatCutShortIsNone) {
  const std::string whole = "12 (x) R 7 1 1 0 -1 64 0 0 0 0 0 0 0 0 20 0 3 0 4567";
  EXPECT_TRUE(parse_stat(whole));
  for (std::size_t size = 0; size + 5 < whole.size(); ++size) {
    EXPECT_FALSE(parse_stat(whole.substr(0, size))) << size;
  }
  EXPECT_FALSE(parse_stat(")("));
}

TEST(Procfs, AMapsLineIsReadWhole) {
  const auto line = parse_maps_line(
      "7f1c2a400000-7f1c2a555000 r-xp 00028000 fe:01 325837                     /usr/lib/with space/x.so");
  ASSERT_TRUE(line);
  EXPECT_EQ(line->start.value, 0x7f1c2a400000u);
  EXPECT_EQ(line->end.value, 0x7f1c2a555000u);
  EXPECT_EQ(line->offset.value, 0x28000u);
  EXPECT_TRUE(line->executable);
  EXPECT_EQ(line->file.major, 0xfeu);
  EXPECT_EQ(line->file.minor, 1u);
  EXPECT_EQ(line->file.inode, 325837u);
  EXPECT_EQ(line->path, "/usr/lib/with space/x.so");
}

TEST(Procfs, MemoryWithoutANameHasAnEmptyPath) {
  const auto line = parse_maps_line("7f1c2a400000-7f1c2a555000 rwxp 00000000 00:00 0 ");
  ASSERT_TRUE(line);
  EXPECT_EQ(line->path, "");
  EXPECT_FALSE(line->file.is_file());
}

TEST(Procfs, ANewlineInAPathIsUnescaped) {
  EXPECT_EQ(parse_maps_line("1000-2000 r-xp 0 00:01 5 /a\\012b\\012")->path, "/a\nb\n");
}

TEST(Procfs, LinesThatAreNoneAreNone) {
  for (const char* const line : {"", "x", "1000", "1000-", "2000-1000 r-xp 0 0:0 0", "1000-2000 r-xp",
                                 "1000-2000 r-xp zz 0:0 0", "1000-2000 r-xp 0 00 0"}) {
    EXPECT_FALSE(parse_maps_line(line)) << line;
  }
}

TEST(Procfs, OwnCodeIsInOwnMaps) {
  bool found = false;
  EXPECT_TRUE(read_executable_maps("/proc", ::getpid(), [&](const MapsLine& line) {
    const auto here = reinterpret_cast<std::uint64_t>(&parse_maps_line);
    found = found || (line.start.value <= here && here < line.end.value && line.path.ends_with("_tests"));
  }));
  EXPECT_TRUE(found);
}

TEST(Procfs, OnlyExecutableMappingsAreVisited) {
  ProcTree proc;
  proc.add({.pid = 9,
            .maps = "1000-2000 r--p 0 08:01 7 /bin/x\n2000-3000 r-xp 1000 08:01 7 /bin/x\n"
                    "3000-4000 rw-p 0 00:00 0 [heap]\n"});
  std::vector<std::uint64_t> starts;
  EXPECT_TRUE(read_executable_maps(proc.path(), 9,
                                   [&](const MapsLine& line) { starts.push_back(line.start.value); }));
  EXPECT_EQ(starts, std::vector<std::uint64_t>{0x2000});
}

TEST(Procfs, AMainThreadThatHasExitedIsReadThroughAnother) {
  ProcTree proc;
  proc.add({.pid = 9, .maps = ""});
  write_file(proc.of(9) + "/task/12/maps", "2000-3000 r-xp 0 08:01 7 /bin/x\n");
  int count = 0;
  EXPECT_TRUE(read_executable_maps(proc.path(), 9, [&](const MapsLine&) { ++count; }));
  EXPECT_EQ(count, 1);
}

TEST(Procfs, LinesLongerThanTheBufferAreReadWhole) {
  ProcTree proc;
  std::string maps;
  const std::string directory(3000, 'd');
  for (int i = 1; i <= 20; ++i) {
    maps += std::to_string(i) + "000-" + std::to_string(i) + "800 r-xp 0 08:01 7 /" + directory + "\n";
  }
  proc.add({.pid = 9, .maps = maps});
  int count = 0;
  read_executable_maps(proc.path(), 9, [&](const MapsLine& line) {
    ++count;
    EXPECT_EQ(line.path, "/" + directory);
  });
  EXPECT_EQ(count, 20);
}

TEST(Procfs, AProcessThatIsGoneCannotBeRead) {
  ProcTree proc;
  EXPECT_FALSE(read_executable_maps(proc.path(), 9, [](const MapsLine&) {}));
}

TEST(Procfs, OnlyNumbersAreListed) {
  ProcTree proc;
  proc.add({.pid = 9});
  proc.add({.pid = 12345});
  write_file(proc.path() + "/sys/x", "");
  write_file(proc.path() + "/12x/x", "");
  auto pids = list_numbers(proc.path()).value();
  std::ranges::sort(pids);
  EXPECT_EQ(pids, (std::vector<pid_t>{9, 12345}));
  EXPECT_FALSE(list_numbers(proc.path() + "/nothing"));
}

}  // namespace
}  // namespace stoker::discovery
