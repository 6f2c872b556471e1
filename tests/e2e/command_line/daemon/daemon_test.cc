// `agent run` against the judge: what arrives is what was sampled, whatever the server does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <regex>

#include "tests/bpf/process.h"
#include "tests/e2e/pyroscope/judge_process.h"

namespace stoker::test {
namespace {

using e2e::JudgeProcess;
using nlohmann::json;

class Daemon : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) {
      GTEST_SKIP() << "needs root";
    }
  }

  // Runs it for so long, ends it as a service manager does, and gives its log.
  std::string run(const std::string& url, double seconds) {
    const std::string config = directory_ / "agent.yaml";
    std::ofstream(config) << "sampling:\n  interval: 2s\nlabels:\n  team: tests\npyroscope:\n  url: " << url
                          << "\n  min_backoff: 100ms\nweb:\n  listen: 127.0.0.1:0\n";
    Process agent({program("agent"), "run", "--config", config});
    EXPECT_EQ(agent.wait(seconds), -1) << "it ended by itself: " << agent.errors();
    agent.signal(SIGTERM);
    EXPECT_EQ(agent.wait(60), 0) << agent.errors();
    return agent.errors();
  }

  static std::uint64_t number_before(const std::string& text, const std::string& word) {
    std::smatch found;
    EXPECT_TRUE(std::regex_search(text, found, std::regex("(\\d+) " + word))) << text;
    return found.empty() ? 0 : std::stoull(found[1]);
  }

  TemporaryDirectory directory_;
};

TEST_F(Daemon, PushesEverySampleItDeliveredWithItsLabels) {
  const Process busy({target("chain"), "60"});
  const JudgeProcess judge;
  const std::string log = run(judge.url(), 7);
  const json report = judge.report();
  EXPECT_EQ(report["refusals"], json::array());
  std::uint64_t pushed = 0;
  int windows = 0;
  for (const json& series : report["series"]) {
    const json& profile = series["profile"];
    pushed += profile["totals"][0].get<std::uint64_t>();
    EXPECT_EQ(series["labels"]["__name__"], "process_cpu");
    EXPECT_EQ(series["labels"]["team"], "tests");
    EXPECT_EQ(profile["sample_types"], json::parse(R"(["samples/count", "cpu/nanoseconds"])"));
    if (series["labels"]["service_name"] == "chain") {
      ++windows;
      EXPECT_TRUE(profile["functions"].contains("middle()")) << profile["functions"];
    }
  }
  EXPECT_GE(windows, 3);
  EXPECT_EQ(number_before(log, "delivered"), pushed);
  EXPECT_EQ(number_before(log, "taken"), number_before(log, "delivered") + number_before(log, "dropped"));
}

TEST_F(Daemon, GoesOnWhenNobodyListens) {
  // The discard port: nothing listens there.
  const std::string log = run("http://127.0.0.1:9", 5);
  EXPECT_GT(number_before(log, "delivered"), 0u);
}

// Modes of the judge that refuse or delay.
class TroubledServer : public Daemon, public testing::WithParamInterface<std::string> {};

TEST_P(TroubledServer, DoesNotEndTheAgent) {
  const Process busy({target("chain"), "60"});
  const JudgeProcess judge(GetParam());
  const std::string log = run(judge.url(), 5);
  EXPECT_GT(number_before(log, "delivered"), 0u);
}

INSTANTIATE_TEST_SUITE_P(Modes, TroubledServer,
                         testing::Values("down", "slow", "400", "401", "429", "500", "partial",
                                         "unknown-api"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace stoker::test
