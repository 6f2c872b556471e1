// The exporter against the judge: a server made from Pyroscope's own API package.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "exporters/pyroscope.h"
#include "judge_process.h"
#include "profile/profile.h"

namespace stoker::exporters {
namespace {

using e2e::JudgeProcess;
using nlohmann::json;
using std::chrono::milliseconds;
using testing::IsEmpty;
using testing::SizeIs;

profile::Profile cpu_profile() {
  profile::Profile p;
  p.sample_types = {{"samples", "count"}, {"cpu", "nanoseconds"}};
  p.period_type = {"cpu", "nanoseconds"};
  p.period = 10'309'278;
  p.time = {wall_now().ns - 15'000'000'000};
  p.duration = std::chrono::seconds(15);
  p.default_sample_type = "cpu";
  p.comments = {"stoker test"};
  return p;
}

profile::LocationId named(profile::Profile& p, const std::string& name) {
  const auto mapping =
      p.add_mapping({.start = 0x1000, .limit = 0x9000, .path = "/bin/app", .build_id = "abcdef0123"});
  const auto function =
      p.add_function({.name = name, .system_name = name, .file = "app.cc", .start_line = 3});
  return p.add_location(
      {.mapping = mapping, .address = 0x1000 + p.functions().size(), .lines = {{function, 7}}});
}

profile::LocationId unnamed(profile::Profile& p, std::uint64_t address) {
  const auto mapping =
      p.add_mapping({.start = 0x1000, .limit = 0x9000, .path = "/bin/app", .build_id = "abcdef0123"});
  return p.add_location({.mapping = mapping, .address = address, .lines = {}});
}

void add_sample(profile::Profile& p, const std::vector<profile::LocationId>& stack, std::int64_t count,
                const profile::LabelSet& labels = {}) {
  const std::vector<std::int64_t> values = {count, count * p.period};
  p.add_sample(p.add_stack(stack), p.add_labels(labels), values);
}

Series series_of(const std::string& service, profile::Profile p) {
  return {.labels = {{"__name__", "process_cpu"}, {"service_name", service}},
          .profile = std::make_shared<const profile::Profile>(std::move(p))};
}

Series small_series(const std::string& service) {
  profile::Profile p = cpu_profile();
  add_sample(p, {named(p, "leaf"), named(p, "main")}, 3);
  return series_of(service, std::move(p));
}

PyroscopeExporter::Options fast_options(const JudgeProcess& judge) {
  PyroscopeExporter::Options options;
  options.target.url = judge.url();
  options.target.timeout = milliseconds(5'000);
  options.queue.min_backoff = milliseconds(10);
  options.queue.max_backoff = milliseconds(100);
  return options;
}

class PushTest : public testing::Test {
 protected:
  std::unique_ptr<PyroscopeExporter> start(PyroscopeExporter::Options options) {
    auto exporter = PyroscopeExporter::start(std::move(options), registry);
    EXPECT_TRUE(exporter);
    return exporter ? std::move(*exporter) : nullptr;
  }
  double dropped(const std::string& reason) { return PushMetrics(registry).dropped(reason).value(); }
  PushMetrics metrics() { return PushMetrics(registry); }

  metrics::Registry registry;
};

std::vector<int> statuses(const json& report) {
  std::vector<int> all;
  for (const json& request : report["requests"]) {
    all.push_back(request["status"]);
  }
  return all;
}

TEST_F(PushTest, AProfileArrivesWholeAndWithoutAWarning) {
  const JudgeProcess judge;
  auto options = fast_options(judge);
  options.target.tenant = "team-a";
  options.target.username = "user";
  options.target.password = "secret";
  const auto exporter = start(options);
  profile::Profile p = cpu_profile();
  add_sample(p, {named(p, "leaf"), unnamed(p, 0x2345), named(p, "main")}, 3);
  add_sample(p, {named(p, "main")}, 4);
  const std::int64_t time = p.time.ns;
  ASSERT_TRUE(exporter->push({series_of("shop", std::move(p))}));
  exporter->shutdown(milliseconds(5'000));

  const json report = judge.report();
  ASSERT_THAT(report["series"], SizeIs(1)) << report;
  EXPECT_THAT(report["warnings"], IsEmpty()) << report["warnings"];
  EXPECT_THAT(report["refusals"], IsEmpty());
  const json& series = report["series"][0];
  EXPECT_EQ(series["labels"], (json{{"__name__", "process_cpu"}, {"service_name", "shop"}}));
  const json& got = series["profile"];
  EXPECT_EQ(got["sample_types"], (json{"samples/count", "cpu/nanoseconds"}));
  EXPECT_EQ(got["period_type"], "cpu/nanoseconds");
  EXPECT_EQ(got["totals"], (json{7, 7 * 10'309'278}));
  EXPECT_EQ(got["functions"]["main"], 7 * 10'309'278);
  EXPECT_EQ(got["functions"]["leaf"], 3 * 10'309'278);
  EXPECT_EQ(got["time_nanos"], time);
  EXPECT_EQ(got["duration_nanos"], 15'000'000'000);
  EXPECT_EQ(got["default_sample_type"], "cpu");
  const json& headers = report["requests"][0]["headers"];
  EXPECT_EQ(headers["X-Scope-Orgid"], "team-a");
  EXPECT_EQ(headers["Authorization"], "Basic dXNlcjpzZWNyZXQ=");
  EXPECT_EQ(headers["Content-Type"], "application/proto");
  EXPECT_EQ(metrics().sent.value(), 1);
}

TEST_F(PushTest, HostileNamesAndLabelsAreMendedSoThatTheServerTakesThem) {
  const JudgeProcess judge;
  const auto exporter = start(fast_options(judge));
  profile::Profile p = cpu_profile();
  p.sample_types[1].type = "off-cpu";
  add_sample(p, {named(p, "bad\xFF\xC0\x80utf8")}, 1,
             {{.key = "pid", .number = 12}, {.key = "thread", .text = "a"}});
  add_sample(p, {named(p, "bad\xFF\xC0\x80utf8")}, 1,
             {{.key = "pid", .number = 13}, {.key = "thread", .text = "b"}});
  add_sample(p, {named(p, "traced")}, 1, {{.key = "span_id", .text = "0123456789abcdef"}});
  add_sample(p, {named(p, "nothing")}, 0);
  Series series = series_of("x\xFFy", std::move(p));
  for (int i = 0; i < 40; ++i) {
    series.labels.emplace_back(fmt::format("label-{}", i), "v");
  }
  series.labels.emplace_back("__meta_kubernetes_pod_name", "pod");
  series.labels.emplace_back("long", std::string(5000, 'x'));
  ASSERT_TRUE(exporter->push({series}));
  exporter->shutdown(milliseconds(5'000));

  const json report = judge.report();
  ASSERT_THAT(report["series"], SizeIs(1)) << report;
  EXPECT_THAT(report["warnings"], IsEmpty()) << report["warnings"];
  EXPECT_THAT(report["series"][0]["labels"], SizeIs(30));
  EXPECT_EQ(report["series"][0]["profile"]["samples"], 2);
  EXPECT_EQ(report["series"][0]["profile"]["totals"][0], 3);
  EXPECT_EQ(report["series"][0]["profile"]["sample_labels"], (json{{"span_id", "0123456789abcdef"}}));
}

TEST_F(PushTest, AProfileAboveTheBurstLimitArrivesInPartsThatAddUp) {
  const JudgeProcess judge;
  const auto exporter = start(fast_options(judge));
  profile::Profile p = cpu_profile();
  const auto main = named(p, "main");
  constexpr int kStacks = 40'000;
  for (int i = 0; i < kStacks; ++i) {
    add_sample(
        p, {named(p, fmt::format("function_with_quite_a_long_name_so_that_the_profile_grows_{}", i)), main},
        1);
  }
  ASSERT_TRUE(exporter->push({series_of("large", std::move(p))}));
  const json report = judge.wait_for([](const json& r) {
    int sum = 0;
    for (const json& series : r["series"]) {
      sum += series["profile"]["totals"][0].get<int>();
    }
    return sum >= kStacks;
  });
  int sum = 0;
  EXPECT_GT(report["series"].size(), 2U);
  for (const json& series : report["series"]) {
    sum += series["profile"]["totals"][0].get<int>();
    EXPECT_LE(series["profile"]["uncompressed_bytes"], 1'900'000);
    EXPECT_LE(series["profile"]["samples"], 16'000);
  }
  EXPECT_EQ(sum, kStacks);
}

TEST_F(PushTest, A429IsTriedAgain) {
  const JudgeProcess judge("429-once");
  const auto exporter = start(fast_options(judge));
  ASSERT_TRUE(exporter->push({small_series("a")}));
  const json report = judge.wait_for([](const json& r) { return r["requests"].size() >= 2; });
  EXPECT_THAT(statuses(report), testing::ElementsAre(429, 200));
  EXPECT_THAT(report["series"], SizeIs(1));
}

TEST_F(PushTest, A429IsNotTriedAgainWhereTheOptionSaysSo) {
  const JudgeProcess judge("429");
  auto options = fast_options(judge);
  options.target.retry_on_429 = false;
  const auto exporter = start(options);
  ASSERT_TRUE(exporter->push({small_series("a")}));
  ASSERT_TRUE(exporter->push({small_series("b")}));
  const json report = judge.wait_for([](const json& r) { return r["requests"].size() >= 2; });
  exporter->shutdown(milliseconds(5'000));
  EXPECT_THAT(statuses(judge.report()), testing::ElementsAre(429, 429));
  EXPECT_EQ(dropped("resource_exhausted"), 2);
}

TEST_F(PushTest, TwoInternalErrorsAreSurvived) {
  const JudgeProcess judge("500-twice");
  const auto exporter = start(fast_options(judge));
  ASSERT_TRUE(exporter->push({small_series("a")}));
  const json report = judge.wait_for([](const json& r) { return r["requests"].size() >= 3; });
  exporter->shutdown(milliseconds(5'000));
  EXPECT_THAT(statuses(report), testing::ElementsAre(500, 500, 200));
  EXPECT_EQ(metrics().retries.value(), 2);
  EXPECT_EQ(metrics().sent.value(), 1);
}

TEST_F(PushTest, AGatewaysHtmlErrorAndAClosedConnectionAreTriedAgain) {
  for (const char* mode : {"proxy-502", "503-once", "down-twice"}) {
    const JudgeProcess judge(mode);
    const auto exporter = start(fast_options(judge));
    ASSERT_TRUE(exporter->push({small_series(mode)}));
    const json report = judge.wait_for([](const json& r) { return r["series"].size() == 1; });
    EXPECT_EQ(statuses(report).back(), 200) << mode;
  }
}

TEST_F(PushTest, WhatTheServerRefusesIsDroppedAtOnceAndTheRestGoesOn) {
  const JudgeProcess judge("400-once");
  const auto exporter = start(fast_options(judge));
  ASSERT_TRUE(exporter->push({small_series("a"), small_series("b")}));
  judge.wait_for([](const json& r) { return r["requests"].size() >= 2; });
  exporter->shutdown(milliseconds(5'000));
  const json report = judge.report();
  EXPECT_THAT(statuses(report), testing::ElementsAre(400, 200));
  ASSERT_THAT(report["series"], SizeIs(1));
  EXPECT_EQ(report["series"][0]["labels"]["service_name"], "b");
  EXPECT_EQ(dropped("invalid_argument"), 1);
}

TEST_F(PushTest, A401IsNotTriedAgain) {
  const JudgeProcess judge("401");
  const auto exporter = start(fast_options(judge));
  ASSERT_TRUE(exporter->push({small_series("a")}));
  judge.wait_for([](const json& r) { return r["requests"].size() >= 1; });
  exporter->shutdown(milliseconds(5'000));
  EXPECT_THAT(statuses(judge.report()), testing::ElementsAre(401));
  EXPECT_EQ(dropped("unauthenticated"), 1);
}

// The judge stores all series of a push but the last and then fails: a retry of several in one push would double them.
TEST_F(PushTest, NothingIsStoredTwiceByAServerThatStoresAPartOfEachPush) {
  const JudgeProcess judge("partial");
  const auto exporter = start(fast_options(judge));
  ASSERT_TRUE(exporter->push({small_series("a"), small_series("b"), small_series("c")}));
  exporter->shutdown(milliseconds(5'000));
  const json report = judge.report();
  std::multiset<std::string> services;
  for (const json& series : report["series"]) {
    services.insert(series["labels"]["service_name"]);
  }
  EXPECT_EQ(services, (std::multiset<std::string>{"a", "b", "c"}));
}

TEST_F(PushTest, ProfilesOfAnOutageArriveWhenTheServerIsBack) {
  const JudgeProcess judge("down");
  const auto exporter = start(fast_options(judge));
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(exporter->push({small_series(fmt::format("s{}", i))}));
  }
  judge.wait_for([](const json& r) { return r["requests"].size() >= 3; });
  judge.set_mode("ok");
  judge.wait_for([](const json& r) { return r["series"].size() == 20; });
  exporter->shutdown(milliseconds(5'000));
  EXPECT_EQ(metrics().sent.value(), 20);
  EXPECT_EQ(metrics().accepted.value(), 20);
  EXPECT_EQ(metrics().queued.value(), 0);
}

TEST_F(PushTest, ASlowServerBlocksNeitherPushNorShutdownForLong) {
  const JudgeProcess judge("slow");
  auto options = fast_options(judge);
  options.target.timeout = milliseconds(15'000);
  const auto exporter = start(options);
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(exporter->push({small_series("a")}));
  }
  const MonotonicTime start_of_end = monotonic_now();
  exporter->shutdown(milliseconds(300));
  // Less than half of both the timeout and the judge's delay.
  EXPECT_LT(monotonic_now().ns - start_of_end.ns, 7'000'000'000U);
  EXPECT_EQ(metrics().accepted.value(), metrics().sent.value() + dropped("shutdown"));
}

}  // namespace
}  // namespace stoker::exporters
