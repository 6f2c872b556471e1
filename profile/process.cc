#include "profile/process.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace stoker::profile {
namespace {

std::string label_value(const LabelSet& labels, std::string_view key) {
  const auto found = std::ranges::find(labels, key, &Label::key);
  if (found == labels.end()) {
    return {};
  }
  return found->text.empty() ? fmt::format("{}", found->number) : found->text;
}

}  // namespace

std::string process_name(const Profile& profile, LabelSetId labels, bool with_pid) {
  if (!profile.label_sets().contains(labels)) {
    return {};
  }
  const LabelSet& set = profile.label_sets().at(labels);
  std::string name = label_value(set, "process");
  if (name.empty()) {
    name = label_value(set, "comm");
  }
  const std::string pid = label_value(set, "pid");
  if (pid.empty() || (!with_pid && !name.empty())) {
    return name;
  }
  return name.empty() ? "pid " + pid : fmt::format("{} ({})", name, pid);
}

}  // namespace stoker::profile
