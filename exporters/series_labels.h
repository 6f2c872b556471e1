// The labels of a pushed series, made to fit what a Pyroscope server accepts.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stoker::exporters {

using Labels = std::vector<std::pair<std::string, std::string>>;

// The server's defaults (distributor limits max_label_names_per_series, max_label_name_length,
// max_label_value_length), in labels and bytes.
inline constexpr std::size_t kMaxSeriesLabels = 30;
inline constexpr std::size_t kMaxLabelName = 1024;
inline constexpr std::size_t kMaxLabelValue = 2048;

struct CleanLabels {
  Labels labels;            // sorted by name, names distinct, with __name__ and service_name
  std::size_t dropped = 0;  // given labels that are not among them
};

// Names become [a-zA-Z_][a-zA-Z0-9_]*; of equal names the first stays; other names with "__" in front are
// internal and go, as do empty values and whatever is beyond kMaxSeriesLabels in the given order. Values
// become valid UTF-8; long names and values are cut. Missing: __name__ is "process_cpu", service_name
// "unknown_service".
CleanLabels clean_labels(const Labels& given);

}  // namespace stoker::exporters
