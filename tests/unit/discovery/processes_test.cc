#include "discovery/processes.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <filesystem>
#include <string>
#include <vector>

#include "proc_tree.h"

namespace stoker::discovery {
namespace {

namespace fs = std::filesystem;
using elf::RunAddress;

constexpr std::uint64_t kSecond = 1'000'000'000;

MonotonicTime test_time;

struct Observed : MappingObserver {
  void mappings_changed(const Process& process) override { changed.push_back({process.pid, process.image}); }
  void process_gone(pid_t pid) override { gone.push_back(pid); }
  std::vector<std::pair<pid_t, std::uint64_t>> changed;
  std::vector<pid_t> gone;
};

// A table over a fixture of /proc, and a clock that goes as the test says.
class Processes : public testing::Test {
 protected:
  Processes() {
    test_time = {1000 * kSecond};
    table_.add_observer(&observed_);
  }
  static void pass(std::uint64_t ns) { test_time.ns += ns; }

  void apply(decltype(SidebandEvent::what) what) {
    pass(1000);
    table_.apply({test_time, std::move(what)});
  }
  void map(pid_t pid, std::uint64_t start, std::uint64_t end, const std::string& path,
           std::uint64_t inode = 1, std::uint64_t offset = 0) {
    MapEvent event{.pid = pid, .tid = pid, .start = {start}, .end = {end}, .offset = {offset}, .path = path};
    event.file.inode = inode;
    apply(event);
  }
  void fork(pid_t parent, pid_t child) { apply(ForkEvent{.pid = child, .tid = child, .parent = parent}); }
  void exec(pid_t pid, const std::string& comm) {
    apply(CommEvent{.pid = pid, .tid = pid, .exec = true, .comm = comm});
  }
  void exit(pid_t pid, pid_t tid = 0) { apply(ExitEvent{.pid = pid, .tid = tid == 0 ? pid : tid}); }
  std::string path_at(pid_t pid, std::uint64_t address) {
    const auto resolved = table_.resolve(table_.at(pid), {address});
    return resolved ? resolved.binary->path : "";
  }

  ProcTree proc_;
  BinaryTable binaries_{{.proc_root = proc_.path(), .own_root = proc_.path() + "/own"}};
  ProcessTable table_{{.proc_root = proc_.path(), .now = [] { return test_time; }}, binaries_};
  Observed observed_;
};

TEST_F(Processes, AreReadFromProcAtStart) {
  proc_.add({.pid = 2, .parent = 0, .comm = "kthreadd", .flags = 0x200000});
  proc_.add({.pid = 10, .comm = "ser ver", .maps = "2000-3000 r-xp 1000 08:01 7 /bin/x\n"});
  EXPECT_EQ(table_.scan().value(), 2u);
  EXPECT_TRUE(table_.find(2)->kernel_thread);
  const Process* const process = table_.find(10);
  ASSERT_TRUE(process);
  EXPECT_EQ(process->comm, "ser ver");
  EXPECT_EQ(process->parent, 1);
  EXPECT_FALSE(process->kernel_thread);
  EXPECT_EQ(process->mappings.size(), 1u);
  EXPECT_EQ(path_at(10, 0x2fff), "/bin/x");
  EXPECT_EQ(path_at(10, 0x3000), "");
  EXPECT_EQ(binaries_.opened(), 0u);
}

TEST_F(Processes, AScanOfNoProcIsAnError) {
  ProcessTable table({.proc_root = proc_.path() + "/nothing"}, binaries_);
  EXPECT_FALSE(table.scan());
}

TEST_F(Processes, AForkHasItsParentsMappingsUntilItChangesThem) {
  proc_.add({.pid = 10, .maps = "2000-3000 r-xp 0 08:01 7 /bin/x\n"});
  table_.scan().value();
  fork(10, 11);
  EXPECT_TRUE(table_.find(11)->mappings.shares_with(table_.find(10)->mappings));
  EXPECT_EQ(table_.find(11)->comm, "program");
  EXPECT_EQ(table_.find(11)->parent, 10);
  EXPECT_NE(table_.find(11)->image, table_.find(10)->image);
  map(11, 0x8000, 0x9000, "/lib/y");
  EXPECT_EQ(path_at(11, 0x2000), "/bin/x");
  EXPECT_EQ(path_at(11, 0x8000), "/lib/y");
  EXPECT_EQ(path_at(10, 0x8000), "");
}

TEST_F(Processes, AnExecIsANewImageOfTheSamePid) {
  proc_.add({.pid = 10, .maps = "2000-3000 r-xp 0 08:01 7 /bin/x\n"});
  table_.scan().value();
  const std::uint64_t before = table_.at(10).image;
  exec(10, "other");
  map(10, 0x5000, 0x6000, "/bin/other");
  EXPECT_NE(table_.at(10).image, before);
  EXPECT_EQ(table_.at(10).comm, "other");
  EXPECT_EQ(path_at(10, 0x5000), "/bin/other");
  // The mapping before the exec is gone, and /proc, which still shows it, is asked but once in a while.
  EXPECT_EQ(table_.find(10)->mappings.size(), 1u);
  EXPECT_EQ(table_.exe(table_.at(10)), "/bin/other");
}

TEST_F(Processes, ARenameIsNoNewImage) {
  proc_.add({.pid = 10});
  table_.scan().value();
  const std::uint64_t before = table_.at(10).image;
  apply(CommEvent{.pid = 10, .tid = 10, .comm = "renamed"});
  apply(CommEvent{.pid = 10, .tid = 12, .comm = "worker"});
  EXPECT_EQ(table_.at(10).comm, "renamed");
  EXPECT_EQ(table_.at(10).image, before);
}

TEST_F(Processes, OverlappingMappingsReplaceAndSplit) {
  fork(1, 10);
  exec(10, "x");
  map(10, 0x1000, 0x9000, "/lib/a", 1, 0x10000);
  map(10, 0x3000, 0x4000, "//anon", 0);
  EXPECT_EQ(path_at(10, 0x2000), "/lib/a");
  EXPECT_EQ(path_at(10, 0x3500), "[anon]");
  EXPECT_EQ(path_at(10, 0x8000), "/lib/a");
  EXPECT_EQ(table_.resolve(table_.at(10), {0x8010}).address.value, 0x17010u);
  EXPECT_EQ(table_.resolve(table_.at(10), {0x3500}).address.value, 0x3500u);
}

TEST_F(Processes, RecordsOlderThanWhatProcSaidAreNotAppliedAgain) {
  proc_.add({.pid = 10, .comm = "after", .maps = "2000-3000 r-xp 0 08:01 7 /bin/after\n"});
  const MonotonicTime before{test_time.ns - kSecond};
  table_.scan().value();
  const std::uint64_t image = table_.find(10)->image;
  table_.apply({before, ForkEvent{.pid = 10, .tid = 10, .parent = 1}});
  table_.apply({before, CommEvent{.pid = 10, .tid = 10, .exec = true, .comm = "before"}});
  MapEvent mapped{.pid = 10, .tid = 10, .start = {0x2000}, .end = {0x3000}, .path = "/bin/before"};
  table_.apply({before, mapped});
  table_.apply({before, ExitEvent{.pid = 10, .tid = 10}});
  EXPECT_EQ(table_.find(10)->image, image);
  EXPECT_EQ(table_.find(10)->comm, "after");
  EXPECT_EQ(path_at(10, 0x2000), "/bin/after");
  EXPECT_FALSE(table_.find(10)->exited);
}

TEST_F(Processes, AnEndedProcessIsKeptForLateSamplesThenDropped) {
  fork(1, 10);
  exec(10, "short");
  map(10, 0x1000, 0x2000, "/bin/short");
  exit(10);
  EXPECT_TRUE(table_.find(10)->exited);
  table_.trim(test_time);
  EXPECT_EQ(path_at(10, 0x1000), "/bin/short");
  pass(3 * kSecond);
  table_.trim(test_time);
  EXPECT_FALSE(table_.find(10));
  EXPECT_EQ(observed_.gone, std::vector<pid_t>{10});
}

TEST_F(Processes, OnlyTheLastThreadEndsAProcess) {
  fork(1, 10);
  exec(10, "threads");
  apply(ForkEvent{.pid = 10, .tid = 11, .parent = 10});
  apply(ForkEvent{.pid = 10, .tid = 12, .parent = 10});
  exit(10, 11);
  EXPECT_FALSE(table_.find(10)->exited);
  exit(10, 10);
  EXPECT_FALSE(table_.find(10)->exited);
  exit(10, 12);
  EXPECT_TRUE(table_.find(10)->exited);
}

TEST_F(Processes, AZombieLeadersProcessLivesAsLongAsItsThreads) {
  proc_.add({.pid = 10, .maps = "", .state = 'Z', .threads = 2});
  write_file(proc_.of(10) + "/task/11/maps", "2000-3000 r-xp 0 08:01 7 /bin/x\n");
  table_.scan().value();
  EXPECT_EQ(path_at(10, 0x2000), "/bin/x");
  table_.trim(test_time);
  EXPECT_FALSE(table_.find(10)->exited);
  fs::remove_all(proc_.of(10) + "/task/11");
  table_.trim(test_time);
  EXPECT_TRUE(table_.find(10)->exited);
}

TEST_F(Processes, APidUsedAgainIsANewProcess) {
  fork(1, 10);
  exec(10, "first");
  map(10, 0x1000, 0x2000, "/bin/first");
  const std::uint64_t first = table_.at(10).image;
  exit(10);
  proc_.add({.pid = 20, .comm = "parent"});
  table_.at(20);
  fork(20, 10);
  EXPECT_NE(table_.at(10).image, first);
  EXPECT_FALSE(table_.at(10).exited);
  EXPECT_EQ(table_.at(10).comm, "parent");
  EXPECT_TRUE(table_.at(10).mappings.empty());
  pass(10 * kSecond);
  table_.trim(test_time);
  EXPECT_TRUE(table_.find(10));
}

TEST_F(Processes, AnUnknownProcessIsReadWhenASampleNamesIt) {
  proc_.add({.pid = 10, .comm = "late", .maps = "2000-3000 r-xp 0 08:01 7 /bin/x\n"});
  EXPECT_EQ(table_.find(10), nullptr);
  EXPECT_EQ(table_.at(10).comm, "late");
  EXPECT_EQ(path_at(10, 0x2000), "/bin/x");
}

TEST_F(Processes, RecordsOfAnUnknownProcessThatIsGoneCountHoweverOldTheyAre) {
  MapEvent mapped{.pid = 10, .tid = 10, .start = {0x2000}, .end = {0x3000}, .path = "/bin/x"};
  table_.apply({{test_time.ns - kSecond}, mapped});
  EXPECT_EQ(path_at(10, 0x2000), "/bin/x");
}

TEST_F(Processes, AnUnknownProcessThatIsGoneHasTheSamplesComm) {
  Process& process = table_.at(10, "from-sample");
  EXPECT_FALSE(process.known);
  EXPECT_EQ(process.comm, "from-sample");
  EXPECT_FALSE(table_.resolve(process, {0x1000}));
  pass(3 * kSecond);
  table_.trim(test_time);
  EXPECT_FALSE(table_.find(10));
}

TEST_F(Processes, AfterLostRecordsAProcessIsReadAgainOnce) {
  proc_.add({.pid = 10, .maps = "2000-3000 r-xp 0 08:01 7 /bin/x\n"});
  table_.scan().value();
  proc_.add({.pid = 10, .maps = "8000-9000 r-xp 0 08:01 8 /lib/missed\n"});
  apply(LostEvent{3});
  EXPECT_EQ(table_.lost_events(), 3u);
  EXPECT_EQ(path_at(10, 0x8000), "/lib/missed");
  proc_.remove(10);
  table_.at(10);
  EXPECT_EQ(path_at(10, 0x8000), "/lib/missed");
}

TEST_F(Processes, AfterLostRecordsAPidMayHaveANewProcess) {
  proc_.add({.pid = 10, .comm = "old", .start_ticks = 100});
  table_.scan().value();
  const std::uint64_t old = table_.find(10)->image;
  proc_.add({.pid = 10, .comm = "old", .start_ticks = 9000});
  apply(LostEvent{1});
  EXPECT_NE(table_.at(10).image, old);
  EXPECT_EQ(observed_.gone, std::vector<pid_t>{10});
}

TEST_F(Processes, AnEndThatWasLostIsNoticed) {
  proc_.add({.pid = 10});
  proc_.add({.pid = 11});
  table_.scan().value();
  proc_.remove(10);
  apply(LostEvent{1});
  table_.trim(test_time);
  EXPECT_TRUE(table_.find(10)->exited);
  EXPECT_FALSE(table_.find(11)->exited);
}

TEST_F(Processes, AnAddressInNoMappingMakesTheMapsBeReadAgainMoreAndMoreRarely) {
  proc_.add({.pid = 10, .maps = "2000-3000 r-xp 0 08:01 7 /bin/x\n"});
  table_.scan().value();
  EXPECT_EQ(path_at(10, 0x8000), "");
  proc_.add({.pid = 10, .maps = "8000-9000 r-xp 0 08:01 7 /bin/x\n"});
  pass(kSecond);
  EXPECT_EQ(path_at(10, 0x8000), "");
  pass(kSecond);
  EXPECT_EQ(path_at(10, 0x8000), "/bin/x");
}

TEST_F(Processes, MemoryWithoutAFileIsNamedAsTheKernelDoes) {
  fork(1, 10);
  exec(10, "x");
  map(10, 0x1000, 0x2000, "//anon", 0);
  map(10, 0x3000, 0x4000, "[heap]", 0);
  map(10, 0x5000, 0x6000, "/memfd:jit (deleted)", 99);
  EXPECT_EQ(path_at(10, 0x1000), "[anon]");
  EXPECT_EQ(path_at(10, 0x3000), "[heap]");
  EXPECT_EQ(path_at(10, 0x5000), "/memfd:jit");
  EXPECT_EQ(path_at(10, 0xffffffffff600400), "[vsyscall]");
}

TEST_F(Processes, AddressesBecomeThoseOfTheElfFile) {
  const std::string file = proc_.path() + "/own/usr/bin/app";
  fs::create_directories(fs::path(file).parent_path());
  fs::copy_file("/bin/true", file);
  const auto elf = elf::ElfFile::open(file);
  const elf::Segment segment = elf->executable_segments().at(0);
  struct stat status{};
  ASSERT_EQ(::stat(file.c_str(), &status), 0);

  fork(1, 10);
  exec(10, "app");
  MapEvent event{.pid = 10,
                 .tid = 10,
                 .start = {0x55550000},
                 .end = {0x55560000},
                 .offset = segment.offset,
                 .path = "/usr/bin/app"};
  event.file = {.major = ::major(status.st_dev), .minor = ::minor(status.st_dev), .inode = status.st_ino};
  apply(event);
  exit(10);
  fs::remove(file);

  // The process is gone, and so is the file: it was opened when its mapping was first seen.
  const auto resolved = table_.resolve(table_.at(10), {0x55550123});
  ASSERT_TRUE(resolved);
  ASSERT_TRUE(resolved.binary->elf);
  EXPECT_EQ(resolved.address.value, segment.address.value + 0x123);
  EXPECT_EQ(resolved.range.start.value, 0x55550000u);
}

TEST_F(Processes, OneFileIsOpenedOnceForAllProcesses) {
  const std::string file = proc_.path() + "/own/usr/bin/app";
  fs::create_directories(fs::path(file).parent_path());
  fs::copy_file("/bin/true", file);
  struct stat status{};
  ASSERT_EQ(::stat(file.c_str(), &status), 0);
  for (pid_t pid = 100; pid < 200; ++pid) {
    fork(1, pid);
    exec(pid, "app");
    MapEvent event{.pid = pid, .tid = pid, .start = {0x1000}, .end = {0x3000}, .path = "/usr/bin/app"};
    event.file = {.major = ::major(status.st_dev), .minor = ::minor(status.st_dev), .inode = status.st_ino};
    apply(event);
    EXPECT_TRUE(table_.resolve(table_.at(pid), {0x1000}).binary->elf);
    exit(pid);
  }
  EXPECT_EQ(binaries_.opened(), 1u);
}

TEST_F(Processes, FilesThatNobodyMapsAreForgottenAfterAWhile) {
  for (std::uint64_t i = 0; i < 1000; ++i) {
    fork(1, 10);
    exec(10, "x");
    map(10, 0x1000, 0x2000, "/tmp/program" + std::to_string(i), 1000 + i);
    exit(10);
  }
  const std::size_t before = table_.memory();
  for (int i = 0; i < 10; ++i) {
    pass(20 * kSecond);
    table_.trim(test_time);
  }
  EXPECT_LT(table_.memory(), before);
  EXPECT_EQ(table_.size(), 0u);
  EXPECT_EQ(binaries_.sweep(), 0u);
}

TEST_F(Processes, TheContainerIsThatOfTheImage) {
  const std::string id(64, 'a');
  proc_.add({.pid = 10, .cgroup = "0::/\n"});
  table_.scan().value();
  EXPECT_EQ(table_.container(table_.at(10)).id, "");
  proc_.add({.pid = 10, .cgroup = "0::/system.slice/docker-" + id + ".scope\n"});
  EXPECT_EQ(table_.container(table_.at(10)).id, "");
  exec(10, "inside");
  EXPECT_EQ(table_.container(table_.at(10)).id, id);
}

TEST_F(Processes, AProcessThatIsGoneWasInItsParentsContainer) {
  const std::string id(64, 'b');
  proc_.add({.pid = 10, .cgroup = "0::/docker/" + id + "\n"});
  table_.scan().value();
  fork(10, 11);
  fork(11, 12);
  exec(12, "short");
  exit(12);
  EXPECT_EQ(table_.container(table_.at(12)).id, id);
}

TEST_F(Processes, DescendantsAreFoundThroughAllGenerations) {
  proc_.add({.pid = 10});
  proc_.add({.pid = 11, .parent = 10});
  proc_.add({.pid = 12, .parent = 11});
  proc_.add({.pid = 13, .parent = 1});
  table_.scan().value();
  fork(12, 14);
  EXPECT_EQ(table_.children_of(10), std::vector<pid_t>{11});
  EXPECT_EQ(table_.descendants_of(10), (std::vector<pid_t>{10, 11, 12, 14}));
  EXPECT_EQ(table_.descendants_of(99), std::vector<pid_t>{});
}

TEST_F(Processes, AreFoundByComm) {
  proc_.add({.pid = 10, .comm = "nginx"});
  proc_.add({.pid = 11, .comm = "nginx-worker"});
  proc_.add({.pid = 12, .comm = "nginx", .flags = 0x200000});
  table_.scan().value();
  EXPECT_EQ(table_.find_by_comm([](std::string_view comm) { return comm == "nginx"; }),
            std::vector<pid_t>{10});
}

TEST_F(Processes, ChildrenOfKthreaddAreKernelThreads) {
  fork(2, 50);
  EXPECT_TRUE(table_.find(50)->kernel_thread);
  exec(50, "modprobe");
  EXPECT_FALSE(table_.find(50)->kernel_thread);
}

TEST_F(Processes, ObserversLearnOfMappingsImagesAndEnds) {
  fork(1, 10);
  observed_.changed.clear();
  exec(10, "x");
  map(10, 0x1000, 0x2000, "/bin/x");
  const std::uint64_t image = table_.find(10)->image;
  EXPECT_EQ(observed_.changed, (std::vector<std::pair<pid_t, std::uint64_t>>{{10, image}, {10, image}}));
  table_.remove_observer(&observed_);
  map(10, 0x3000, 0x4000, "/bin/y");
  EXPECT_EQ(observed_.changed.size(), 2u);
}

TEST_F(Processes, TenThousandForksCostLittleMemory) {
  std::string maps;
  for (int i = 16; i < 46; ++i) {
    maps += fmt::format("{0:x}0000-{0:x}8000 r-xp 0 08:01 {0} /lib/{0}\n", i);
  }
  proc_.add({.pid = 1, .maps = maps});
  table_.scan().value();
  for (pid_t pid = 100; pid < 10100; ++pid) {
    fork(1, pid);
  }
  EXPECT_LT(table_.memory(), 6u << 20);
}

TEST_F(Processes, AProcessThatOnlyEverMapsIsBounded) {
  fork(1, 10);
  exec(10, "jit");
  for (std::uint64_t i = 1; i < 140'000; ++i) {
    map(10, i * 0x2000, i * 0x2000 + 0x1000, "//anon", 0);
  }
  EXPECT_LE(table_.find(10)->mappings.size(), std::size_t{1} << 17);
}

}  // namespace
}  // namespace stoker::discovery
