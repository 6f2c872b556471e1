#include "profile/copy.h"

#include <utility>

namespace stoker::profile {
namespace {

// known[id], filled by make(value of id) the first time. Id 0 and ids of no value are "none".
template <typename T, typename Make>
std::uint32_t once(std::vector<std::uint32_t>& known, const InternTable<T>& table, std::uint32_t id,
                   Make make) {
  if (!table.contains(id)) {
    return 0;
  }
  if (known[id] == 0) {
    known[id] = make(table.at(id));
  }
  return known[id];
}

}  // namespace

Copier::Copier(const Profile& from, Profile& to)
    : from_(from),
      to_(to),
      mappings_(from.mappings().size() + 1),
      functions_(from.functions().size() + 1),
      locations_(from.locations().size() + 1),
      stacks_(from.stacks().size() + 1),
      label_sets_(from.label_sets().size() + 1) {}

MappingId Copier::mapping(MappingId id) {
  return once(mappings_, from_.mappings(), id, [&](const Mapping& m) { return to_.add_mapping(m); });
}

FunctionId Copier::function(FunctionId id) {
  return once(functions_, from_.functions(), id, [&](const Function& f) { return to_.add_function(f); });
}

LocationId Copier::location(LocationId id) {
  return once(locations_, from_.locations(), id, [&](const Location& original) {
    Location copy = original;
    copy.mapping = mapping(original.mapping);
    for (Line& line : copy.lines) {
      line.function = function(line.function);
    }
    return to_.add_location(copy);
  });
}

StackId Copier::stack(StackId id) {
  return once(stacks_, from_.stacks(), id, [&](const std::vector<LocationId>& original) {
    std::vector<LocationId> copy;
    copy.reserve(original.size());
    for (const LocationId old : original) {
      copy.push_back(location(old));
    }
    return to_.add_stack(copy);
  });
}

LabelSetId Copier::labels(LabelSetId id) {
  return once(label_sets_, from_.label_sets(), id, [&](const LabelSet& set) { return to_.add_labels(set); });
}

void Copier::sample(const Sample& sample, std::span<const std::int64_t> values) {
  to_.add_sample(stack(sample.stack), labels(sample.labels), values);
}

}  // namespace stoker::profile
