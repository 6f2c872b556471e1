// What the exporter tells about itself.
#pragma once

#include <string>

#include "base/metrics.h"

namespace stoker::exporters {

// "Profiles" are what a request carries: one series, or a part of one that had to be split. At any time
// between two steps of the export thread: accepted = sent + dropped + queued.
struct PushMetrics {
  explicit PushMetrics(metrics::Registry& registry);

  metrics::Counter dropped(const std::string& reason) const;

  metrics::Registry& registry;
  metrics::Counter accepted;
  metrics::Counter sent;
  metrics::Counter sent_bytes;
  metrics::Counter retries;
  metrics::Counter dropped_labels;
  metrics::Gauge queued;
  metrics::Gauge queued_bytes;
  metrics::Gauge last_success;
  metrics::Histogram seconds;
};

}  // namespace stoker::exporters
