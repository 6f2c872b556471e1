// Named windows into profiles: which samples go together, and with which labels.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "agent/named_window.h"
#include "agent/window.h"
#include "profile/profile.h"

namespace stoker::agent {

struct ProfileFacts {
  int frequency = 97;
  std::string event_name;             // "cpu-clock"
  std::vector<std::string> comments;  // added behind agent version and kernel
};

// Which profile a process's samples go to, and with which sample labels.
struct Target {
  std::string key;           // equal keys share a profile
  profile::LabelSet labels;  // of each sample
};
using TargetOf = std::function<Target(const SampledProcess& process, std::string_view thread_name)>;

struct TargetProfile {
  std::string key;
  std::vector<std::uint32_t> processes;  // indexes into Window::processes
  profile::Profile profile;
};

// Any thread.
class ProfileBuilder {
 public:
  explicit ProfileBuilder(ProfileFacts facts) : facts_(std::move(facts)) {}

  // One profile per key, in the order in which keys first appear. A window without samples gives none.
  std::vector<TargetProfile> build(const NamedWindow& named, const TargetOf& target_of) const;

  // A profile with this builder's facts and no samples.
  profile::Profile empty(const Window& window) const;

 private:
  ProfileFacts facts_;
};

// Labels for a profile that is looked at on its own: process, pid, thread, and container where there is one.
Target whole_target(const SampledProcess& process, std::string_view thread_name);

}  // namespace stoker::agent
