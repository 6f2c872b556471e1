#include "exporters/push_encoder.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "exporters/sample_labels.h"
#include "profile/pprof_writer.h"
#include "push.pb.h"

namespace stoker::exporters {
namespace {

// The server refuses a sample type with "-" in it: it separates the parts of a profile's id.
void mend_sample_types(profile::Profile& profile) {
  for (profile::ValueType& type : profile.sample_types) {
    std::ranges::replace(type.type, '-', '_');
    std::ranges::replace(type.unit, '-', '_');
  }
  std::ranges::replace(profile.default_sample_type, '-', '_');
}

std::size_t label_bytes(const Labels& labels) {
  return std::accumulate(
      labels.begin(), labels.end(), std::size_t{0},
      [](std::size_t sum, const auto& label) { return sum + label.first.size() + label.second.size(); });
}

}  // namespace

Result<EncodedSeries> encode(const Series& series) {
  EncodedSeries encoded;
  const CleanLabels clean = clean_labels(series.labels);
  encoded.dropped_labels = clean.dropped;
  // The limiter counts the labels, too.
  const std::size_t room = kMaxProfileBytes - label_bytes(clean.labels);

  push::PushRequest request;
  push::RawProfileSeries& out = *request.add_series();
  for (const auto& [name, value] : clean.labels) {
    push::LabelPair& label = *out.add_labels();
    label.set_name(name);
    label.set_value(value);
  }
  std::string& raw = *out.add_samples()->mutable_raw_profile();

  const auto stripped = strip_samples(series.profile);
  for (profile::Profile& part : profile::split(*stripped, room, kMaxProfileSamples)) {
    if (profile::pprof_size_bound(part) > room) {
      ++encoded.oversize;
      continue;
    }
    mend_sample_types(part);
    auto pprof = profile::write_pprof(part);
    if (!pprof) {
      return std::unexpected(std::move(pprof.error()));
    }
    raw = std::move(*pprof);
    encoded.bodies.push_back(request.SerializeAsString());
  }
  return encoded;
}

}  // namespace stoker::exporters
