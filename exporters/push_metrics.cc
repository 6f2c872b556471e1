#include "exporters/push_metrics.h"

namespace stoker::exporters {

PushMetrics::PushMetrics(metrics::Registry& the_registry)
    : registry(the_registry),
      accepted(registry.counter("stoker_push_profiles_accepted_total",
                                "Profiles given to the exporter, after splitting.")),
      sent(registry.counter("stoker_push_profiles_sent_total", "Profiles that the server confirmed.")),
      sent_bytes(registry.counter("stoker_push_bytes_sent_total",
                                  "Bytes of the requests that the server confirmed.")),
      retries(registry.counter("stoker_push_retries_total",
                               "Failed attempts after which the same request is tried again.")),
      dropped_labels(registry.counter("stoker_push_labels_dropped_total",
                                      "Series labels that the server would not have taken.")),
      queued(registry.gauge("stoker_push_queue_profiles", "Profiles that wait to be sent.")),
      queued_bytes(
          registry.gauge("stoker_push_queue_bytes", "Bytes of the encoded requests that wait to be sent.")),
      last_success(registry.gauge("stoker_push_last_success_timestamp_seconds",
                                  "When the server last confirmed a request.")),
      seconds(registry.histogram("stoker_push_duration_seconds", "Time of one attempt, failed or not.",
                                 {0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30})) {
  dropped("queue_full");  // so that the first loss is an increase and not a new series
}

metrics::Counter PushMetrics::dropped(const std::string& reason) const {
  return registry.counter(
      "stoker_push_profiles_dropped_total",
      "Profiles that were given up: queue_full, too_old, too_large, encode, retries (used up), "
      "shutdown, or the code with which the server refused them.",
      {{"reason", reason}});
}

}  // namespace stoker::exporters
