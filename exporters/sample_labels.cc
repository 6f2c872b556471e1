#include "exporters/sample_labels.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "profile/copy.h"

namespace stoker::exporters {
namespace {

bool is_hex(std::string_view text, std::size_t digits) {
  return text.size() == digits && text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

bool may_stay(const profile::Label& label) {
  return (label.key == "span_id" && is_hex(label.text, 16)) ||
         (label.key == "trace_id" && is_hex(label.text, 32)) ||
         (label.key == "profile_id" && !label.text.empty());
}

bool counts(const profile::Sample& sample) {
  return std::ranges::any_of(sample.values, [](std::int64_t value) { return value > 0; });
}

}  // namespace

std::shared_ptr<const profile::Profile> strip_samples(const std::shared_ptr<const profile::Profile>& given) {
  const auto all_stay = [](const profile::LabelSet& set) { return std::ranges::all_of(set, may_stay); };
  if (std::ranges::all_of(given->label_sets().values(), all_stay) &&
      std::ranges::all_of(given->samples(), counts)) {
    return given;
  }
  profile::Profile relabelled = *given;
  std::vector<profile::LabelSetId> new_id(given->label_sets().size() + 1, 0);
  for (profile::LabelSetId id = 1; id < new_id.size(); ++id) {
    profile::LabelSet kept;
    std::ranges::copy_if(given->label_sets().at(id), std::back_inserter(kept), may_stay);
    new_id[id] = kept.empty() ? 0 : relabelled.add_labels(kept);
  }
  auto stripped = std::make_shared<profile::Profile>();
  profile::copy_facts(relabelled, *stripped);
  profile::Copier copier(relabelled, *stripped);
  for (const profile::Sample& sample : given->samples()) {
    if (counts(sample)) {
      copier.sample({.stack = sample.stack, .labels = new_id[sample.labels], .values = sample.values});
    }
  }
  return stripped;
}

}  // namespace stoker::exporters
