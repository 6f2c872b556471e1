// From a series to the requests that carry it.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "exporters/series_labels.h"
#include "profile/profile.h"

namespace stoker::exporters {

struct Series {
  // With __name__ ("process_cpu") and service_name; what is missing is set, what is not allowed is mended
  // (series_labels.h).
  Labels labels;
  std::shared_ptr<const profile::Profile> profile;
};

// The server's defaults: a profile above the 2 MB burst of the rate limiter never passes it, whatever the
// retries; 16,000 samples a profile.
inline constexpr std::size_t kMaxProfileBytes = 1'900'000;
inline constexpr std::size_t kMaxProfileSamples = 16'000;

struct EncodedSeries {
  std::vector<std::string> bodies;  // a serialized PushRequest each, of one series with one profile
  std::size_t dropped_labels = 0;
  std::size_t oversize = 0;  // parts left out because one sample alone is above the limit
};

// One series a request: a push of several can fail in part, and a retry would store the others twice. Labels
// that the server does not want are gone from the samples. Errors: write_pprof's.
Result<EncodedSeries> encode(const Series& series);

}  // namespace stoker::exporters
