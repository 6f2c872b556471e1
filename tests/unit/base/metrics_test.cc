#include "base/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace stoker::metrics {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Metrics, CountersAreExposedWithHelpTypeAndLabels) {
  Registry registry;
  const Counter sent = registry.counter("sent_total", "What was sent.", {{"to", "a\"b\\c\nd"}});
  sent.add();
  sent.add(2);
  const std::string text = registry.expose();
  EXPECT_THAT(text, HasSubstr("# HELP sent_total What was sent.\n# TYPE sent_total counter\n"));
  EXPECT_THAT(text, HasSubstr("sent_total{to=\"a\\\"b\\\\c\\nd\"} 3\n"));
}

TEST(Metrics, TheSameNameAndLabelsAreTheSameCounter) {
  Registry registry;
  registry.counter("a_total", "A.", {{"x", "1"}}).add();
  registry.counter("a_total", "A.", {{"x", "1"}}).add();
  registry.counter("a_total", "A.", {{"x", "2"}}).add();
  EXPECT_THAT(registry.expose(), HasSubstr("a_total{x=\"1\"} 2\n"));
  EXPECT_THAT(registry.expose(), HasSubstr("a_total{x=\"2\"} 1\n"));
}

TEST(Metrics, ACounterNeverGoesDown) {
  Registry registry;
  const Counter counter = registry.counter("c_total", "C.");
  counter.raise_to(10);
  counter.raise_to(4);
  counter.add(-3);
  EXPECT_EQ(counter.value(), 10);
}

TEST(Metrics, ANameThatPrometheusDoesNotAllowGivesAHandleThatDoesNothing) {
  Registry registry;
  const Counter counter = registry.counter("no-such name", "Bad.");
  counter.add();
  EXPECT_EQ(counter.value(), 0);
  EXPECT_THAT(registry.expose(), Not(HasSubstr("no-such")));
}

TEST(Metrics, ANameOfAnotherKindGivesAHandleThatDoesNothing) {
  Registry registry;
  const Counter counter = registry.counter("thing", "Thing.");
  counter.add();
  registry.gauge("thing", "Thing.").set(7);
  EXPECT_THAT(registry.expose(), HasSubstr("thing 1\n"));
}

TEST(Metrics, HistogramBucketsAreCumulative) {
  Registry registry;
  const Histogram histogram = registry.histogram("seconds", "Time.", {0.1, 1});
  histogram.observe(0.05);
  histogram.observe(0.5);
  histogram.observe(5);
  const std::string text = registry.expose();
  EXPECT_THAT(text, HasSubstr("seconds_bucket{le=\"0.1\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("seconds_bucket{le=\"1\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("seconds_bucket{le=\"+Inf\"} 3\n"));
}

TEST(Metrics, ValuesAreRefreshedBeforeEachExposition) {
  Registry registry;
  const Gauge size = registry.gauge("size", "Size.");
  int calls = 0;
  registry.before_exposition([&] { size.set(++calls); });
  EXPECT_THAT(registry.expose(), HasSubstr("size 1\n"));
  EXPECT_THAT(registry.expose(), HasSubstr("size 2\n"));
}

TEST(Metrics, NoIncrementIsLostBetweenThreads) {
  Registry registry;
  const Counter counter = registry.counter("n_total", "N.");
  const auto count = [counter] {
    for (int i = 0; i < 20000; ++i) {
      counter.add();
    }
  };
  {
    const std::jthread a(count);
    const std::jthread b(count);
    registry.expose();
  }
  EXPECT_EQ(counter.value(), 40000);
}

}  // namespace
}  // namespace stoker::metrics
