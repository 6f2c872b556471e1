#include "profile/merge.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "profile/copy.h"

namespace stoker::profile {
namespace {

std::string names_of(const std::vector<ValueType>& types) {
  std::string names;
  for (const ValueType& type : types) {
    names += fmt::format("{}{}/{}", names.empty() ? "" : ", ", type.type, type.unit);
  }
  return names;
}

Result<> same_types(const Profile& a, const Profile& b) {
  if (a.sample_types == b.sample_types) {
    return {};
  }
  return make_error("cannot combine the profiles",
                    fmt::format("one has the sample types {} and the other {}", names_of(a.sample_types),
                                names_of(b.sample_types)),
                    "combine profiles of the same event");
}

void join_windows(Profile& into, const Profile& from) {
  if (into.time.ns == 0 || from.time.ns == 0) {
    into.time = std::max(into.time, from.time);
    into.duration = std::max(into.duration, from.duration);
    return;
  }
  const std::int64_t end =
      std::max(into.time.ns + into.duration.count(), from.time.ns + from.duration.count());
  into.time = std::min(into.time, from.time);
  into.duration = Nanoseconds(end - into.time.ns);
}

}  // namespace

Result<> merge(Profile& into, const Profile& from) {
  if (into.sample_types.empty() && into.samples().empty()) {
    copy_facts(from, into);
  } else {
    if (auto same = same_types(into, from); !same) {
      return same;
    }
    join_windows(into, from);
    if (into.period != from.period || into.period_type != from.period_type) {
      into.period = 0;
    }
    for (const std::string& comment : from.comments) {
      if (std::ranges::find(into.comments, comment) == into.comments.end()) {
        into.comments.push_back(comment);
      }
    }
  }
  Copier copier(from, into);
  for (const Sample& sample : from.samples()) {
    copier.sample(sample);
  }
  return {};
}

Profile filter(const Profile& profile, const std::function<bool(const Sample&)>& keep) {
  Profile kept;
  copy_facts(profile, kept);
  Copier copier(profile, kept);
  for (const Sample& sample : profile.samples()) {
    if (keep(sample)) {
      copier.sample(sample);
    }
  }
  return kept;
}

Result<Profile> diff(const Profile& before, const Profile& after) {
  if (auto same = same_types(before, after); !same) {
    return std::unexpected(same.error());
  }
  Profile sum;
  copy_facts(after, sum);
  Copier add(after, sum);
  for (const Sample& sample : after.samples()) {
    add.sample(sample);
  }
  Copier subtract(before, sum);
  std::vector<std::int64_t> negated;
  for (const Sample& sample : before.samples()) {
    negated.clear();
    for (const std::int64_t value : sample.values) {
      constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
      negated.push_back(value == kLeast ? std::numeric_limits<std::int64_t>::max() : -value);
    }
    subtract.sample(sample, negated);
  }
  return filter(sum, [](const Sample& sample) {
    return std::ranges::any_of(sample.values, [](std::int64_t value) { return value != 0; });
  });
}

}  // namespace stoker::profile
