// Where processes and the agent may live: files without names, other namespaces, CPUs that come and go.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>

#include "recording.h"

namespace stoker::test {
namespace {

namespace fs = std::filesystem;

class Place : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) {
      GTEST_SKIP() << "needs root";
    }
  }
};

const std::vector<std::string> kLeft{"left()", "middle()", "outer()", "main"};
const std::vector<std::string> kRight{"right()", "middle()", "outer()", "main"};

// All but the few samples outside both functions.
void expect_chains(const Recording& recording) {
  EXPECT_GT(recording.samples(), 50u);
  EXPECT_GT(
      recording.count([](const Stack& stack) { return stack.has_chain(kLeft) || stack.has_chain(kRight); }),
      recording.samples() * 9 / 10);
}

TEST_F(Place, ADeletedBinaryIsNamed) {
  const TemporaryDirectory directory;
  fs::copy_file(target("chain"), directory / "gone");
  const Process process({directory / "gone", "20"});
  ::usleep(100'000);
  fs::remove(directory / "gone");
  expect_chains(Recording::of({"-F", "997", "-d", "2s", "--pid", std::to_string(process.pid())}));
}

TEST_F(Place, ABinaryReplacedAfterItsStartKeepsItsOwnNames) {
  const TemporaryDirectory directory;
  fs::copy_file(target("chain"), directory / "replaced");
  const Process process({directory / "replaced", "20"});
  ::usleep(100'000);
  fs::remove(directory / "replaced");
  fs::copy_file(target("deep"), directory / "replaced");
  expect_chains(Recording::of({"-F", "997", "-d", "2s", "--pid", std::to_string(process.pid())}));
}

TEST_F(Place, ABinaryInMemoryIsNamed) {
  const Process process({target("from_memory"), target("chain"), "20"});
  ::usleep(200'000);
  expect_chains(Recording::of({"-F", "997", "-d", "2s", "--pid", std::to_string(process.pid())}));
}

TEST_F(Place, ABinaryInAMemoryFileExecutedInTheWindowIsNamed) {
  const Recording recording =
      Recording::of({"-F", "499", "-d", "60s"}, {target("from_memory"), target("chain"), "1"});
  expect_chains(recording);
}

TEST_F(Place, FilesOfAnotherMountNamespaceAreFound) {
  // A file that only that namespace sees, under a path that is another file for everybody else.
  const TemporaryDirectory directory;
  fs::copy_file(target("deep"), directory / "program");
  const std::string script = "mount -t tmpfs none " + directory.path() + " && cp " + target("chain") + " " +
                             (directory / "program") + " && exec " + (directory / "program") + " 20";
  const Process process({"unshare", "-m", "/bin/sh", "-c", script});
  ::usleep(500'000);
  expect_chains(Recording::of({"-F", "997", "-d", "2s", "--pid", std::to_string(process.pid())}));
}

TEST_F(Place, AProcessInItsOwnPidNamespaceHasTheAgentsNumber) {
  Process process({"unshare", "-pf", "--mount-proc", target("chain"), "1.5"});
  ::usleep(200'000);
  std::ifstream children("/proc/" + std::to_string(process.pid()) + "/task/" + std::to_string(process.pid()) +
                         "/children");
  std::string child;
  children >> child;
  Recording recording({"-F", "997", "-d", "2s", "--pid", child});
  recording.finish();
  expect_chains(recording);
  for (const Stack& stack : recording.stacks()) {
    EXPECT_EQ(stack.labels.at("pid"), child);
  }
  ASSERT_EQ(process.wait(), 0);
  EXPECT_EQ(truth_of(process.output()).pid, 1);
}

TEST_F(Place, AnAgentInAPidNamespaceUsesItsNumbers) {
  Recording recording({"-F", "499", "-d", "60s"}, {target("chain"), "1"}, {"unshare", "-pf", "--mount-proc"});
  recording.finish();
  expect_chains(recording);
  const Truth truth = truth_of(recording.output());
  ASSERT_TRUE(truth.pid);
  EXPECT_LT(*truth.pid, 100);
  for (const Stack& stack : recording.stacks()) {
    EXPECT_EQ(stack.labels.at("pid"), std::to_string(*truth.pid));
  }
}

TEST_F(Place, ACpuThatComesBackIsSampledAgain) {
  const std::string online = "/sys/devices/system/cpu/cpu1/online";
  const auto set = [&](const char* value) {
    std::ofstream file(online);
    file << value << std::flush;
    return static_cast<bool>(file);
  };
  if (!fs::exists(online) || !set("0")) {
    GTEST_SKIP() << "CPU 1 cannot be taken offline here";
  }
  Recording recording({"-F", "199", "-d", "60s", "--comm", "^chain$"});
  const bool back = set("1");
  ASSERT_TRUE(back);
  ::usleep(1'500'000);  // the agent looks for CPUs once a second
  // Two programs, each bound to a CPU of its own.
  Process first({"taskset", "-c", "0", target("chain"), "1"});
  Process second({"taskset", "-c", "1", target("chain"), "1"});
  EXPECT_EQ(first.wait(), 0);
  EXPECT_EQ(second.wait(), 0);
  recording.agent().signal(SIGINT);
  recording.finish();
  const auto of = [&](const Process& process) {
    return recording.count(
        [&](const Stack& stack) { return stack.labels.at("pid") == std::to_string(process.pid()); });
  };
  EXPECT_TRUE(is_share(of(first), of(first) + of(second), 0.5, 0.03));
}

}  // namespace
}  // namespace stoker::test
