// The counters of stats.def, and what the agent itself costs, as metrics.
#pragma once

#include <array>

#include "agent/session.h"
#include "base/metrics.h"

namespace stoker::agent {

// Registers with registry, which then asks session at each exposition: both must outlive the last one.
class StatMetrics {
 public:
  StatMetrics(metrics::Registry& registry, const Session& session);

 private:
  void refresh();

  const Session& session_;
  std::array<metrics::Counter, STAT_COUNT> counters_;
  metrics::Counter cpu_seconds_;
  metrics::Gauge resident_bytes_;
};

}  // namespace stoker::agent
