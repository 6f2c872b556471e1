// Which processes are recorded, and which are not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>

#include "recording.h"

namespace stoker::test {
namespace {

namespace fs = std::filesystem;

class Filter : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) {
      GTEST_SKIP() << "needs root";
    }
  }
};

std::set<std::string> values(const Recording& recording, const std::string& label) {
  std::set<std::string> found;
  for (const Stack& stack : recording.stacks()) {
    const auto at = stack.labels.find(label);
    found.insert(at == stack.labels.end() ? "" : at->second);
  }
  return found;
}

TEST_F(Filter, PidsRecordTheseAndNoOthers) {
  const Process first({target("chain"), "20"});
  const Process second({target("threads"), "20"});
  const Process other({target("chain"), "20"});
  const Recording recording = Recording::of(
      {"-F", "199", "-d", "2s", "--pid", std::to_string(first.pid()), "--pid", std::to_string(second.pid())});
  EXPECT_THAT(values(recording, "pid"),
              testing::UnorderedElementsAre(std::to_string(first.pid()), std::to_string(second.pid())));
}

TEST_F(Filter, AThreadsIdStandsForItsProcess) {
  const Process process({target("threads"), "20"});
  ::usleep(200'000);
  std::string thread;
  for (const auto& entry : fs::directory_iterator("/proc/" + std::to_string(process.pid()) + "/task")) {
    thread = entry.path().filename();
  }
  ASSERT_NE(thread, std::to_string(process.pid()));
  const Recording recording = Recording::of({"-F", "199", "-d", "1500ms", "--pid", thread});
  EXPECT_THAT(values(recording, "thread"), testing::UnorderedElementsAre("alpha", "beta", "gamma"));
}

TEST_F(Filter, ChildrenAreThoseThatRunAndThoseToCome) {
  const std::string burn = target("chain") + " 20";
  const Process shell({"/bin/sh", "-c", burn + " & sleep 1.2; exec " + target("threads") + " 20"});
  ::usleep(200'000);
  const Process late({"/bin/sh", "-c", "sleep 1; " + target("kernel_path") + " 20 & wait"});
  const Process other({target("deep"), "3", "20"});
  Recording recording({"-F", "199", "-d", "3s", "--children", "--pid",
                       std::to_string(shell.pid()) + "," + std::to_string(late.pid())});
  recording.finish();
  // sh and sleep may have a sample each.
  EXPECT_THAT(values(recording, "process"), testing::IsSupersetOf({"chain", "threads", "kernel_path"}));
  EXPECT_FALSE(values(recording, "process").contains("deep"));
}

TEST_F(Filter, WithoutChildrenOnlyTheProcessItself) {
  const Process shell({"/bin/sh", "-c", target("chain") + " 20 & wait"});
  ::usleep(200'000);
  const Recording recording = Recording::of({"-F", "199", "-d", "1s", "--pid", std::to_string(shell.pid())});
  EXPECT_EQ(recording.samples(), 0u);
}

TEST_F(Filter, CommMatchesProcessNamesAnywhere) {
  const Process wanted({target("chain"), "20"});
  const Process also({target("chain_static"), "20"});
  const Process other({target("deep"), "3", "20"});
  const Recording recording = Recording::of({"-F", "199", "-d", "2s", "--comm", "hain"});
  EXPECT_THAT(values(recording, "process"), testing::UnorderedElementsAre("chain", "chain_static"));
  EXPECT_EQ(recording.accounting().dropped, 0u) << "what it takes to know a process's name is no sample";
}

TEST_F(Filter, CommMeansTheProcessNotItsThreads) {
  const Process process({target("threads"), "20"});
  const Recording recording = Recording::of({"-F", "199", "-d", "2s", "--comm", "^threads$"});
  EXPECT_THAT(values(recording, "thread"), testing::UnorderedElementsAre("alpha", "beta", "gamma"));
}

// A cgroup that is named as a container runtime names it, wherever cgroups are on this host.
class ContainerCgroup {
 public:
  explicit ContainerCgroup(const std::string& id) {
    for (const std::string root : {"/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup"}) {
      std::error_code failed;
      if (!fs::exists(root + "/cgroup.procs")) {
        continue;
      }
      const std::string path = root + "/kubepods-stoker-test/pod0a1b2c3d-1111-2222-3333-444455556666/" + id;
      if (fs::create_directories(path, failed)) {
        path_ = path;
        return;
      }
    }
  }
  ~ContainerCgroup() {
    for (fs::path path = path_; path.string().find("kubepods-stoker-test") != std::string::npos;
         path = path.parent_path()) {
      for (int i = 0; ::rmdir(path.c_str()) != 0 && i < 100; ++i) {
        ::usleep(10'000);
      }
    }
  }
  ContainerCgroup(const ContainerCgroup&) = delete;
  ContainerCgroup& operator=(const ContainerCgroup&) = delete;
  bool usable() const { return !path_.empty(); }
  std::string procs() const { return path_ + "/cgroup.procs"; }

 private:
  std::string path_;
};

TEST_F(Filter, ContainerIdsComeFromCgroups) {
  const std::string id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
  const ContainerCgroup cgroup(id);
  if (!cgroup.usable()) {
    GTEST_SKIP() << "no cgroup can be made here";
  }
  const Process inside(
      {"/bin/sh", "-c", "echo $$ > " + cgroup.procs() + " && exec " + target("chain") + " 20"});
  const Process other({target("deep"), "3", "20"});
  ::usleep(300'000);
  const Recording recording = Recording::of({"-F", "199", "-d", "2s", "--container", "0123456789ab"});
  EXPECT_GT(recording.samples(), 20u);
  EXPECT_THAT(values(recording, "pid"), testing::ElementsAre(std::to_string(inside.pid())));
  EXPECT_THAT(values(recording, "container_id"), testing::ElementsAre(id));
  EXPECT_EQ(recording.accounting().dropped, 0u);
}

TEST_F(Filter, AContainerThatIsNotThereGivesAnEmptyProfile) {
  const Recording recording = Recording::of({"-d", "500ms", "--container", "feedfeedfeed"});
  EXPECT_EQ(recording.samples(), 0u);
  EXPECT_EQ(recording.accounting().taken, 0u);
  EXPECT_THAT(recording.errors(), testing::HasSubstr("no process of container feedfeedfeed"));
}

}  // namespace
}  // namespace stoker::test
