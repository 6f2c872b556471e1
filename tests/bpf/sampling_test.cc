// What samples say about programs that know where their time went.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <set>

#include "recording.h"

namespace stoker::test {
namespace {

class Sampling : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) {
      GTEST_SKIP() << "needs root";
    }
  }
};

// Chains and shares of the target named by the parameter.
class Chain : public Sampling, public testing::WithParamInterface<std::string> {};

TEST_P(Chain, FunctionsFollowEachOtherAndHaveTheirShares) {
  const Recording recording = Recording::of({"-F", "499", "-d", "60s"}, {target(GetParam()), "2"});
  const Truth truth = truth_of(recording.output());
  ASSERT_EQ(truth.chains.size(), 2u);
  for (const auto& [name, chain] : truth.chains) {
    const auto in_leaf = [&](const Stack& stack) { return stack.has(name); };
    const std::uint64_t seen = recording.count(in_leaf);
    EXPECT_TRUE(is_share(seen, recording.samples(), truth.cpu_seconds.at(name) / truth.cpu_seconds.at("all")))
        << name;
    // A function's first two instructions have no frame of their own yet; without unwind tables its caller is missed.
    EXPECT_GE(recording.count([&](const Stack& stack) { return stack.has_chain(chain); }),
              seen * 98 / 100 - 1)
        << name;
  }
  EXPECT_EQ(recording.accounting().dropped, 0u);
}

INSTANTIATE_TEST_SUITE_P(Binaries, Chain, testing::Values("chain", "chain_fixed", "chain_static"),
                         [](const auto& info) { return info.param; });

// Seconds that this machine's CPUs were taken away or spent in interrupts: the sampling clock runs on, but the kernel
// books them on no process ("steal", "irq" and "softirq" of /proc/stat's first line).
double unbooked_seconds() {
  std::ifstream file("/proc/stat");
  std::string name;
  std::array<double, 8> ticks{};
  file >> name;
  for (double& value : ticks) {
    file >> value;
  }
  return (ticks[5] + ticks[6] + ticks[7]) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

TEST_F(Sampling, SamplesAreRateTimesCpuTime) {
  constexpr int kRate = 997;
  const double unbooked = unbooked_seconds();
  const Recording recording =
      Recording::of({"-F", std::to_string(kRate), "-d", "150s"}, {target("deep"), "3", "10"});
  const double cpu = truth_of(recording.output()).cpu_seconds.at("all");
  const double extra = unbooked_seconds() - unbooked;
  EXPECT_GE(static_cast<double>(recording.accounting().taken), 0.98 * kRate * cpu);
  EXPECT_LE(static_cast<double>(recording.accounting().taken), kRate * (1.02 * cpu + extra));
  EXPECT_EQ(recording.accounting().dropped, 0u);
  // The profile says the same in time: samples times period.
  EXPECT_NEAR(static_cast<double>(recording.profile().total(1)) / 1e9, cpu, 0.02 * cpu + extra);
}

TEST_F(Sampling, KernelFramesLieAboveTheFunctionThatCalls) {
  const Recording recording = Recording::of({"-F", "499", "-d", "60s"}, {target("kernel_path"), "1.5"});
  const Truth truth = truth_of(recording.output());
  const std::uint64_t kernel = recording.count([](const Stack& stack) { return stack.has_kernel(); });
  // rusage's split is by ticks on some kernels: coarse.
  EXPECT_TRUE(is_share(kernel, recording.samples(),
                       truth.cpu_seconds.at("kernel") / truth.cpu_seconds.at("all"), 0.05));
  const std::uint64_t called = recording.count([](const Stack& stack) {
    const auto caller = std::ranges::find_if(
        stack.names, [](const std::string& name) { return name.starts_with("read_zeros("); });
    return caller != stack.names.end() && stack.kinds.front() == profile::FrameKind::kKernel &&
           stack.kinds[static_cast<std::size_t>(caller - stack.names.begin())] == profile::FrameKind::kNative;
  });
  EXPECT_GT(called, kernel * 95 / 100);
  const std::uint64_t named = recording.count([](const Stack& stack) {
    return std::ranges::any_of(stack.names,
                               [](const std::string& name) {
                                 return name.find("read_zero") != std::string::npos &&
                                        name.find("s(") == std::string::npos;
                               }) ||
           stack.has("vfs_read") || stack.has("ksys_read");
  });
  EXPECT_GT(named, kernel * 9 / 10) << "kernel functions have names";
}

TEST_F(Sampling, KernelFramesCanBeLeftOut) {
  const Recording recording =
      Recording::of({"-F", "499", "-d", "60s", "--no-kernel"}, {target("kernel_path"), "0.7"});
  EXPECT_GT(recording.samples(), 100u);
  EXPECT_EQ(recording.count([](const Stack& stack) { return stack.has_kernel(); }), 0u);
}

TEST_F(Sampling, EveryThreadHasItsNameAndShare) {
  const Recording recording = Recording::of({"-F", "499", "-d", "60s"}, {target("threads"), "0.8"});
  const Truth truth = truth_of(recording.output());
  for (const std::string name : {"alpha", "beta", "gamma"}) {
    const std::uint64_t seen = recording.count([&](const Stack& stack) {
      const auto label = stack.labels.find("thread");
      return label != stack.labels.end() && label->second == name;
    });
    EXPECT_TRUE(is_share(seen, recording.samples(), truth.cpu_seconds.at(name) / truth.cpu_seconds.at("all")))
        << name;
  }
  EXPECT_GE(recording.count([](const Stack& stack) { return stack.has("thread_work(unsigned long)"); }),
            recording.samples() * 95 / 100);
}

TEST_F(Sampling, AnExecInTheWindowMakesTwoImagesOfOneProcess) {
  const Recording recording = Recording::of({"-F", "997", "-d", "60s"}, {target("forks_and_execs"), "0.6"});
  const Truth truth = truth_of(recording.output());
  double sum = 0;
  for (const auto& [name, seconds] : truth.cpu_seconds) {
    sum += seconds;
  }
  std::map<std::string, std::set<std::string>> pids;
  for (const auto& [name, seconds] : truth.cpu_seconds) {
    const std::string function = name + "(unsigned long)";
    EXPECT_TRUE(is_share(recording.count([&](const Stack& stack) { return stack.has(function); }),
                         recording.samples(), seconds / sum, 0.02))
        << name;
    for (const Stack& stack : recording.stacks()) {
      if (stack.has(function)) {
        pids[name].insert(stack.labels.at("pid"));
      }
    }
  }
  ASSERT_TRUE(truth.pid);
  EXPECT_THAT(pids["before_exec"], testing::ElementsAre(std::to_string(*truth.pid)));
  EXPECT_EQ(pids["after_exec"], pids["before_exec"]);
  EXPECT_EQ(pids["in_child"].size(), 1u);
  EXPECT_NE(pids["in_child"], pids["before_exec"]);
}

TEST_F(Sampling, InTheMiddleOfExecThereIsNoUserStack) {
  const Recording recording = Recording::of(
      {"-F", "4999", "-d", "60s"},
      {"sh", "-c",
       "for i in 0 1 2 3 4 5 6 7 8 9; do for j in 0 1 2 3 4 5 6 7 8 9; do /bin/true; done; done"});
  std::uint64_t in_exec = 0;
  for (const Stack& stack : recording.stacks()) {
    if (stack.has("load_elf_binary")) {
      in_exec += stack.count;
      // Either the shell's whole stack, from before, or none.
      EXPECT_FALSE(stack.has("[unknown]")) << stack.names.back();
      EXPECT_FALSE(stack.names.back().starts_with("[cut:")) << stack.names.back();
    }
  }
  EXPECT_GT(in_exec, 20u) << recording.errors();
}

TEST_F(Sampling, EveryOneOf300ProcessesOf30MillisecondsIsSampledAndNamed) {
  Recording recording({"-F", "199", "-d", "170s", "--comm", "^short_lived$"});
  double cpu = 0;
  for (int i = 0; i < 300; ++i) {
    Process process({target("short_lived"), "30"});
    ASSERT_EQ(process.wait(20), 0);
    cpu += truth_of(process.output()).cpu_seconds.at("all");
  }
  recording.agent().signal(SIGINT);
  recording.finish();
  EXPECT_EQ(recording.accounting().dropped, 0u) << recording.errors();
  // exec and exit are CPU time of the process that it cannot print itself.
  EXPECT_GE(static_cast<double>(recording.samples()), 0.97 * 199 * cpu);
  std::set<std::string> pids;
  std::uint64_t user = 0;
  std::uint64_t named = 0;
  for (const Stack& stack : recording.stacks()) {
    EXPECT_EQ(stack.labels.at("process"), "short_lived");
    if (stack.kinds.front() == profile::FrameKind::kNative) {
      user += stack.count;
      named += stack.has("short_work(unsigned long)") ? stack.count : 0;
    }
    pids.insert(stack.labels.at("pid"));
  }
  // Six samples of each on average: that one has none is likely a few times in a thousand.
  EXPECT_GE(pids.size(), 290u);
  EXPECT_GT(named, user * 9 / 10) << user << " samples outside the kernel";
}

TEST_F(Sampling, ALibraryLoadedWhileItRunsIsNamed) {
  const Recording recording = Recording::of({"-F", "499", "-d", "60s"}, {target("loads_library"), "1"});
  const std::vector<std::string> chain = truth_of(recording.output()).chains.at("plugin");
  EXPECT_GT(recording.count([&](const Stack& stack) { return stack.has_chain(chain); }),
            recording.samples() * 9 / 10);
}

TEST_F(Sampling, AProcessThatSleepsGivesAValidEmptyProfile) {
  const Process sleeper({target("sleeper"), "30"});
  ::usleep(300'000);
  const Recording recording = Recording::of({"-d", "700ms", "--pid", std::to_string(sleeper.pid())});
  EXPECT_EQ(recording.samples(), 0u);
  EXPECT_EQ(recording.profile().sample_types.size(), 2u);
  EXPECT_THAT(recording.errors(), testing::HasSubstr("used no CPU"));
}

TEST_F(Sampling, IdleIsNotSampled) {
  const Recording recording = Recording::of({"--all", "-F", "199", "-d", "2s"});
  EXPECT_EQ(recording.count([](const Stack& stack) {
    return stack.labels.at("pid") == "0" || stack.labels.at("process").starts_with("swapper");
  }),
            0u);
}

}  // namespace
}  // namespace stoker::test
