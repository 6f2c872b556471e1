// Carries parts of one profile over into another.
#pragma once

#include <span>
#include <vector>

#include "profile/profile.h"

namespace stoker::profile {

// Copies samples with all they need, each mapping, function, location, stack and label set once. Both
// profiles must outlive it; from must not change meanwhile.
class Copier {
 public:
  Copier(const Profile& from, Profile& to);

  // The sample with these values in place of its own.
  void sample(const Sample& sample, std::span<const std::int64_t> values);
  void sample(const Sample& sample) { this->sample(sample, sample.values); }

 private:
  MappingId mapping(MappingId id);
  FunctionId function(FunctionId id);
  LocationId location(LocationId id);
  StackId stack(StackId id);
  LabelSetId labels(LabelSetId id);

  const Profile& from_;
  Profile& to_;
  // Old id to new id; 0 where it is not copied yet.
  std::vector<MappingId> mappings_;
  std::vector<FunctionId> functions_;
  std::vector<LocationId> locations_;
  std::vector<StackId> stacks_;
  std::vector<LabelSetId> label_sets_;
};

}  // namespace stoker::profile
