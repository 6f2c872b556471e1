// Counters, gauges and histograms of the agent itself, and their exposition as Prometheus text (format
// 0.0.4).
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
}  // namespace prometheus

namespace stoker::metrics {

// Label names are [a-zA-Z_][a-zA-Z0-9_]*; values are any UTF-8.
using Labels = std::vector<std::pair<std::string, std::string>>;

// Handles: cheap to copy, valid as long as their Registry lives, without a lock, from any thread. A handle
// that was not made by a Registry does nothing, so that a class can be used without metrics.
class Counter {
 public:
  Counter() = default;
  explicit Counter(prometheus::Counter* counter) : counter_(counter) {}
  void add(double amount = 1) const;  // amounts below zero are ignored
  // For a count that is kept elsewhere (in a BPF map): brings the counter up to it. One thread only.
  void raise_to(double total) const;
  double value() const;

 private:
  prometheus::Counter* counter_ = nullptr;
};

class Gauge {
 public:
  Gauge() = default;
  explicit Gauge(prometheus::Gauge* gauge) : gauge_(gauge) {}
  void set(double value) const;
  void add(double amount) const;
  double value() const;

 private:
  prometheus::Gauge* gauge_ = nullptr;
};

class Histogram {
 public:
  Histogram() = default;
  explicit Histogram(prometheus::Histogram* histogram) : histogram_(histogram) {}
  void observe(double value) const;

 private:
  prometheus::Histogram* histogram_ = nullptr;
};

// Any thread may call any of it. Making a metric takes a lock; counting does not: make once, keep the handle.
class Registry {
 public:
  Registry();
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // A name and labels that exist already give the same metric. A name that Prometheus does not allow, or that
  // exists as another kind, is a caller's bug: it is logged and the handle does nothing.
  Counter counter(const std::string& name, const std::string& help, const Labels& labels = {});
  Gauge gauge(const std::string& name, const std::string& help, const Labels& labels = {});
  // buckets: upper bounds, ascending.
  Histogram histogram(const std::string& name, const std::string& help, const std::vector<double>& buckets,
                      const Labels& labels = {});

  // Called before each exposition, on the thread that asks for it, one at a time: for values that cost
  // something to know.
  void before_exposition(std::function<void()> refresh);

  std::string expose() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace stoker::metrics
