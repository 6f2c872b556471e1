// Labels, addresses, answers: the parts of a push that need no server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "exporters/log_limiter.h"
#include "exporters/push_outcome.h"
#include "exporters/sample_labels.h"
#include "exporters/series_labels.h"
#include "exporters/url.h"
#include "profile/text.h"

namespace stoker::exporters {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

TEST(SeriesLabels, TheTwoThatEverySeriesNeedsAreAdded) {
  EXPECT_THAT(clean_labels({}).labels,
              ElementsAre(Pair("__name__", "process_cpu"), Pair("service_name", "unknown_service")));
  EXPECT_THAT(clean_labels({{"service_name", ""}}).labels,
              ElementsAre(Pair("__name__", "process_cpu"), Pair("service_name", "unknown_service")));
}

TEST(SeriesLabels, NamesAreMendedAndSorted) {
  const auto clean =
      clean_labels({{"service_name", "s"}, {"9lives", "a"}, {"k8s.pod/name", "b"}, {"__name__", "offcpu"}});
  EXPECT_THAT(clean.labels, ElementsAre(Pair("_9lives", "a"), Pair("__name__", "offcpu"),
                                        Pair("k8s_pod_name", "b"), Pair("service_name", "s")));
}

TEST(SeriesLabels, InternalEmptyAndRepeatedOnesGo) {
  const auto clean =
      clean_labels({{"__meta_x", "1"}, {"", "2"}, {"empty", ""}, {"a-b", "first"}, {"a.b", "second"}});
  EXPECT_EQ(clean.dropped, 4U);
  EXPECT_THAT(clean.labels, ElementsAre(Pair("__name__", "process_cpu"), Pair("a_b", "first"),
                                        Pair("service_name", "unknown_service")));
}

TEST(SeriesLabels, TheRequiredOnesHaveRoomHoweverManyThereAre) {
  Labels many;
  for (int i = 0; i < 100; ++i) {
    many.emplace_back("l" + std::to_string(i), "v");
  }
  many.emplace_back("service_name", "s");
  const auto clean = clean_labels(many);
  EXPECT_EQ(clean.labels.size(), kMaxSeriesLabels);
  EXPECT_EQ(clean.dropped, 72U);
  EXPECT_THAT(clean.labels, testing::Contains(Pair("service_name", "s")));
}

TEST(SeriesLabels, LongValuesAreCutBetweenCharacters) {
  std::string value(kMaxLabelValue - 1, 'x');
  value += "\xC3\xA4";
  const auto clean = clean_labels({{"v", value}, {std::string(2000, 'n'), "x"}});
  EXPECT_EQ(clean.labels[3].second, std::string(kMaxLabelValue - 1, 'x'));
  EXPECT_EQ(clean.labels[1].first.size(), kMaxLabelName);
}

TEST(SeriesLabels, ValuesBecomeValidUtf8) {
  const auto clean = clean_labels({{"v", "a\xFFz"}});
  EXPECT_EQ(clean.labels.back().second, "a\xEF\xBF\xBDz");
}

TEST(Url, PartsAndDefaultPorts) {
  const auto plain = parse_url("http://host");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->port, 80);
  const auto full = parse_url("https://[fe80::1]:4040/a/b//");
  ASSERT_TRUE(full);
  EXPECT_TRUE(full->tls);
  EXPECT_EQ(full->host, "fe80::1");
  EXPECT_EQ(full->port, 4040);
  EXPECT_EQ(full->prefix, "/a/b");
  EXPECT_EQ(parse_url("https://host/")->port, 443);
}

TEST(Url, WhatCannotBePushedToIsAnErrorWithAdvice) {
  for (const char* bad :
       {"", "host:4040", "ftp://host", "http://", "http:///path", "http://host:0", "http://host:99999",
        "http://host:12x", "http://host:", "http://[::1", "http://[::1]x", "http://host?q=1",
        "http://host/#f", "http://ho st", "http://host\n"}) {
    const auto checked = check_url(bad);
    ASSERT_FALSE(checked) << bad;
    EXPECT_FALSE(checked.error().advice.empty()) << bad;
  }
}

TEST(Url, APasswordInTheAddressIsNotRepeatedInTheError) {
  const auto checked = check_url("http://user:hunter2@host");
  ASSERT_FALSE(checked);
  EXPECT_THAT(checked.error().message(), testing::Not(HasSubstr("hunter2")));
}

Verdict verdict(int status, std::string_view body, bool retry_on_429 = true) {
  return judge_answer(status, body, "", retry_on_429).verdict;
}

TEST(PushOutcome, TheConnectCodeDecides) {
  EXPECT_EQ(verdict(200, ""), Verdict::kStored);
  for (const char* code :
       {"deadline_exceeded", "unknown", "internal", "unavailable", "data_loss", "aborted"}) {
    EXPECT_EQ(verdict(500, std::string(R"({"code":")") + code + R"("})"), Verdict::kRetry) << code;
  }
  for (const char* code : {"invalid_argument", "failed_precondition", "unauthenticated", "permission_denied",
                           "unimplemented", "not_found", "canceled", "out_of_range", "already_exists"}) {
    EXPECT_EQ(verdict(500, std::string(R"({"code":")") + code + R"("})"), Verdict::kRefused) << code;
  }
}

TEST(PushOutcome, WithoutACodeTheStatusDecides) {
  EXPECT_EQ(verdict(502, "<html>"), Verdict::kRetry);
  EXPECT_EQ(verdict(408, ""), Verdict::kRetry);
  EXPECT_EQ(verdict(503, R"({"code":"no such code"})"), Verdict::kRetry);
  for (const int status : {301, 400, 401, 403, 404, 413, 415}) {
    EXPECT_EQ(verdict(status, "{}"), Verdict::kRefused) << status;
  }
}

TEST(PushOutcome, RateLimitsAreRetriedIfTheOptionSaysSo) {
  const auto answer =
      judge_answer(429, R"({"code":"resource_exhausted","message":"slow\ndown"})", "12", true);
  EXPECT_EQ(answer.verdict, Verdict::kRetry);
  EXPECT_TRUE(answer.whole_server);
  EXPECT_EQ(answer.retry_after, std::chrono::seconds(12));
  EXPECT_EQ(answer.reason, "resource_exhausted");
  EXPECT_EQ(answer.detail, "slow down");
  EXPECT_EQ(verdict(429, "", false), Verdict::kRefused);
}

TEST(PushOutcome, HostileAnswersAreNoTrouble) {
  const auto deep = judge_answer(500, std::string(100'000, '['), "-5", true);
  EXPECT_EQ(deep.reason, "http_500");
  EXPECT_LE(deep.detail.size(), kMaxDetail);
  EXPECT_EQ(deep.retry_after.count(), 0);
  EXPECT_EQ(judge_answer(500, "\x1B[2J\xFF", "soon", true).detail, " [2J\xEF\xBF\xBD");
}

profile::Profile labelled() {
  profile::Profile p;
  p.sample_types = {{"samples", "count"}};
  const auto stack = p.add_stack(std::vector<profile::LocationId>{});
  const auto add = [&](const profile::LabelSet& labels, std::int64_t value) {
    p.add_sample(stack, labels.empty() ? 0 : p.add_labels(labels), std::vector<std::int64_t>{value});
  };
  add({{.key = "pid", .number = 1}, {.key = "process", .text = "a"}}, 1);
  add({{.key = "pid", .number = 2}, {.key = "process", .text = "b"}}, 2);
  add({{.key = "span_id", .text = "00000000000000ab"}, {.key = "tid", .number = 9}}, 4);
  add({{.key = "span_id", .text = "not hex"}}, 8);
  add({}, -1);
  return p;
}

TEST(SampleLabels, OnlyTraceLabelsStayAndEqualSamplesAreAddedUp) {
  const auto stripped = strip_samples(std::make_shared<const profile::Profile>(labelled()));
  ASSERT_EQ(stripped->samples().size(), 2U);
  EXPECT_EQ(stripped->samples()[0].values[0], 11);
  EXPECT_EQ(stripped->samples()[0].labels, 0U);
  EXPECT_EQ(stripped->samples()[1].values[0], 4);
  EXPECT_EQ(stripped->label_sets().at(stripped->samples()[1].labels)[0].text, "00000000000000ab");
}

TEST(SampleLabels, AProfileWithNothingToStripIsNotCopied) {
  const auto once = strip_samples(std::make_shared<const profile::Profile>(labelled()));
  EXPECT_EQ(strip_samples(once).get(), once.get());
}

TEST(LogLimiter, SaysHowOftenItWasSilent) {
  LogLimiter limiter(std::chrono::seconds(60));
  const std::uint64_t second = 1'000'000'000;
  EXPECT_EQ(limiter.may_say("a", {0}), 0U);
  EXPECT_FALSE(limiter.may_say("a", {30 * second}));
  EXPECT_FALSE(limiter.may_say("a", {59 * second}));
  EXPECT_EQ(limiter.may_say("b", {59 * second}), 0U);
  EXPECT_EQ(limiter.may_say("a", {61 * second}), 2U);
}

}  // namespace
}  // namespace stoker::exporters
