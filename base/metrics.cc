#include "base/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <exception>
#include <mutex>

#include "base/log.h"

namespace stoker::metrics {
namespace {

prometheus::Labels to_map(const Labels& labels) {
  return {labels.begin(), labels.end()};
}

// prometheus-cpp throws on a bad or clashing name.
template <typename Make>
auto made_or_null(const std::string& name, Make make) -> decltype(&make()) {
  try {
    return &make();
  } catch (const std::exception& error) {
    log::error("metric {}: {}", name, error.what());
    return nullptr;
  }
}

}  // namespace

void Counter::add(double amount) const {
  if (counter_ != nullptr && amount > 0) {
    counter_->Increment(amount);
  }
}

void Counter::raise_to(double total) const {
  add(total - value());
}

double Counter::value() const {
  return counter_ == nullptr ? 0 : counter_->Value();
}

void Gauge::set(double value) const {
  if (gauge_ != nullptr) {
    gauge_->Set(value);
  }
}

void Gauge::add(double amount) const {
  if (gauge_ != nullptr) {
    gauge_->Increment(amount);
  }
}

double Gauge::value() const {
  return gauge_ == nullptr ? 0 : gauge_->Value();
}

void Histogram::observe(double value) const {
  if (histogram_ != nullptr) {
    histogram_->Observe(value);
  }
}

struct Registry::State {
  prometheus::Registry registry;
  mutable std::mutex refresh_mutex;
  std::vector<std::function<void()>> refreshes;
};

Registry::Registry() : state_(std::make_unique<State>()) {}
Registry::~Registry() = default;

Counter Registry::counter(const std::string& name, const std::string& help, const Labels& labels) {
  return Counter(made_or_null(name, [&]() -> prometheus::Counter& {
    return prometheus::BuildCounter().Name(name).Help(help).Register(state_->registry).Add(to_map(labels));
  }));
}

Gauge Registry::gauge(const std::string& name, const std::string& help, const Labels& labels) {
  return Gauge(made_or_null(name, [&]() -> prometheus::Gauge& {
    return prometheus::BuildGauge().Name(name).Help(help).Register(state_->registry).Add(to_map(labels));
  }));
}

Histogram Registry::histogram(const std::string& name, const std::string& help,
                              const std::vector<double>& buckets, const Labels& labels) {
  return Histogram(made_or_null(name, [&]() -> prometheus::Histogram& {
    return prometheus::BuildHistogram()
        .Name(name)
        .Help(help)
        .Register(state_->registry)
        .Add(to_map(labels), buckets);
  }));
}

void Registry::before_exposition(std::function<void()> refresh) {
  const std::lock_guard lock(state_->refresh_mutex);
  state_->refreshes.push_back(std::move(refresh));
}

std::string Registry::expose() const {
  {
    const std::lock_guard lock(state_->refresh_mutex);
    for (const auto& refresh : state_->refreshes) {
      refresh();
    }
  }
  return prometheus::TextSerializer().Serialize(state_->registry.Collect());
}

}  // namespace stoker::metrics
