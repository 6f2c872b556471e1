#include "profile/facts.h"

#include <fmt/format.h>

#include "profile/format_value.h"

namespace stoker::profile {

std::vector<std::pair<std::string, std::string>> profile_facts(const Profile& profile) {
  std::vector<std::pair<std::string, std::string>> facts;
  const std::size_t index = profile.default_value_index();
  for (std::size_t i = 0; i < profile.sample_types.size(); ++i) {
    const ValueType& type = profile.sample_types[i];
    const bool is_samples = type == ValueType{"samples", "count"};
    if (i == index || is_samples) {
      const bool is_cpu = type == ValueType{"cpu", "nanoseconds"};
      facts.emplace_back(is_cpu       ? "CPU time"
                         : is_samples ? "Samples"
                                      : "Total " + type.type,
                         format_value(profile.total(i), type.unit));
    }
  }
  if (profile.duration.count() > 0) {
    facts.emplace_back("Duration", format_value(profile.duration.count(), "nanoseconds"));
  }
  if (profile.period > 0 && profile.period_type.unit == "nanoseconds") {
    facts.emplace_back("Rate", fmt::format("{:.4g} Hz", 1e9 / static_cast<double>(profile.period)));
  }
  if (profile.time.ns != 0) {
    facts.emplace_back("Start", format_time(profile.time));
  }
  return facts;
}

}  // namespace stoker::profile
