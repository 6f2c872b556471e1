// Sample labels that a Pyroscope server takes.
#pragma once

#include <memory>

#include "profile/profile.h"

namespace stoker::exporters {

// On the server each text label of a sample splits the series, number labels and samples without a positive
// value are removed. So only span_id (16 hex digits), trace_id (32) and profile_id stay; samples that differ
// in nothing else are added up. Gives `given` itself when there is nothing to do.
std::shared_ptr<const profile::Profile> strip_samples(const std::shared_ptr<const profile::Profile>& given);

}  // namespace stoker::exporters
