#include "exporters/series_labels.h"

#include <algorithm>

#include "profile/text.h"

namespace stoker::exporters {
namespace {

constexpr std::string_view kProfileName = "__name__";
constexpr std::string_view kServiceName = "service_name";

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_';
}

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

std::string clean_name(std::string_view name) {
  std::string clean;
  if (!name.empty() && is_digit(name.front())) {
    clean = "_";
  }
  for (const char c : name.substr(0, kMaxLabelName - clean.size())) {
    clean += is_name_char(c) ? c : '_';
  }
  return clean;
}

// The longest prefix of at most limit bytes that does not end inside a character. text: valid UTF-8.
std::string_view cut_utf8(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) {
    return text;
  }
  while (limit > 0 && is_continuation(text[limit])) {
    --limit;
  }
  return text.substr(0, limit);
}

bool contains(const Labels& labels, std::string_view name) {
  return std::ranges::any_of(labels, [&](const auto& label) { return label.first == name; });
}

}  // namespace

CleanLabels clean_labels(const Labels& given) {
  CleanLabels clean;
  Labels& labels = clean.labels;
  // Room for the two that every series has.
  std::size_t others = 0;
  for (const auto& [raw_name, raw_value] : given) {
    const std::string name = clean_name(raw_name);
    const std::string value(cut_utf8(profile::valid_utf8(raw_value), kMaxLabelValue));
    const bool required = name == kProfileName || name == kServiceName;
    const bool internal = name.starts_with("__") && name != kProfileName;
    if (name.empty() || value.empty() || internal || contains(labels, name) ||
        (!required && others + 2 >= kMaxSeriesLabels)) {
      ++clean.dropped;
      continue;
    }
    others += required ? 0 : 1;
    labels.emplace_back(name, value);
  }
  if (!contains(labels, kProfileName)) {
    labels.emplace_back(kProfileName, "process_cpu");
  }
  if (!contains(labels, kServiceName)) {
    labels.emplace_back(kServiceName, "unknown_service");
  }
  std::ranges::sort(labels);
  return clean;
}

}  // namespace stoker::exporters
