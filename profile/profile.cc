#include "profile/profile.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <limits>

namespace stoker::profile {
namespace {

// Chains XXH3 over a value's fields: each field's hash is the next one's seed.
class Hasher {
 public:
  Hasher& add(const void* data, std::size_t size) {
    hash_ = XXH3_64bits_withSeed(data, size, hash_ + size);
    return *this;
  }
  Hasher& add(std::string_view text) { return add(text.data(), text.size()); }
  Hasher& add(std::uint64_t number) { return add(&number, sizeof(number)); }
  std::uint64_t hash() const { return hash_; }

 private:
  std::uint64_t hash_ = 0;
};

std::uint64_t hash_of(const Mapping& mapping) {
  return Hasher().add(mapping.start).add(mapping.limit).add(mapping.path).add(mapping.build_id).hash();
}

std::uint64_t hash_of(const Function& function) {
  return Hasher()
      .add(function.name)
      .add(function.system_name)
      .add(function.file)
      .add(static_cast<std::uint64_t>(function.start_line))
      .hash();
}

std::uint64_t hash_of(const Location& location) {
  Hasher hasher;
  hasher.add(location.address).add(location.mapping);
  for (const Line& line : location.lines) {
    hasher.add(line.function).add(static_cast<std::uint64_t>(line.line));
  }
  return hasher.hash();
}

std::uint64_t hash_of(const LabelSet& labels) {
  Hasher hasher;
  for (const Label& label : labels) {
    hasher.add(label.key).add(label.text).add(static_cast<std::uint64_t>(label.number)).add(label.unit);
  }
  return hasher.hash();
}

template <typename T>
std::uint32_t intern(InternTable<T>& table, const T& value) {
  return table.add(hash_of(value), [&](const T& other) { return other == value; }, [&] { return value; });
}

// A profile that somebody else wrote may hold values whose sum is past 64 bits.
std::int64_t saturating_add(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  if (!__builtin_add_overflow(a, b, &sum)) {
    return sum;
  }
  return a > 0 ? std::numeric_limits<std::int64_t>::max() : std::numeric_limits<std::int64_t>::min();
}

}  // namespace

MappingId Profile::add_mapping(const Mapping& mapping) {
  return intern(mappings_, mapping);
}

FunctionId Profile::add_function(const Function& function) {
  return intern(functions_, function);
}

LocationId Profile::add_location(const Location& location) {
  return intern(locations_, location);
}

StackId Profile::add_stack(std::span<const LocationId> locations) {
  return stacks_.add(
      Hasher().add(locations.data(), locations.size_bytes()).hash(),
      [&](const std::vector<LocationId>& other) { return std::ranges::equal(other, locations); },
      [&] { return std::vector<LocationId>(locations.begin(), locations.end()); });
}

LabelSetId Profile::add_labels(const LabelSet& labels) {
  if (labels.empty()) {
    return 0;
  }
  if (std::ranges::is_sorted(labels)) {
    return intern(label_sets_, labels);
  }
  LabelSet sorted = labels;
  std::ranges::sort(sorted);
  return intern(label_sets_, sorted);
}

void Profile::add_sample(StackId stack, LabelSetId labels, std::span<const std::int64_t> values) {
  const std::uint64_t hash = Hasher().add(std::uint64_t{stack} << 32 | labels).hash();
  const std::uint32_t known = sample_index_.find(hash, [&](std::uint32_t position) {
    return samples_[position - 1].stack == stack && samples_[position - 1].labels == labels;
  });
  if (known == 0) {
    samples_.push_back({stack, labels, {values.begin(), values.end()}});
    sample_index_.insert(hash, static_cast<std::uint32_t>(samples_.size()));
    return;
  }
  std::vector<std::int64_t>& sums = samples_[known - 1].values;
  if (sums.size() < values.size()) {
    sums.resize(values.size());
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    sums[i] = saturating_add(sums[i], values[i]);
  }
}

std::int64_t Profile::total(std::size_t value_index) const {
  std::int64_t sum = 0;
  for (const Sample& sample : samples_) {
    if (value_index < sample.values.size()) {
      sum = saturating_add(sum, sample.values[value_index]);
    }
  }
  return sum;
}

std::size_t Profile::default_value_index() const {
  const auto found = std::ranges::find(sample_types, default_sample_type, &ValueType::type);
  if (!default_sample_type.empty() && found != sample_types.end()) {
    return static_cast<std::size_t>(found - sample_types.begin());
  }
  return sample_types.empty() ? 0 : sample_types.size() - 1;
}

void copy_facts(const Profile& from, Profile& to) {
  to.sample_types = from.sample_types;
  to.period_type = from.period_type;
  to.period = from.period;
  to.time = from.time;
  to.duration = from.duration;
  to.default_sample_type = from.default_sample_type;
  to.comments = from.comments;
}

std::string frame_name(const Profile& profile, const Location& location, std::size_t line_index) {
  if (line_index < location.lines.size()) {
    const FunctionId id = location.lines[line_index].function;
    if (profile.functions().contains(id)) {
      const Function& function = profile.functions().at(id);
      if (!function.name.empty() || !function.system_name.empty()) {
        return function.name.empty() ? function.system_name : function.name;
      }
    }
  }
  if (!profile.mappings().contains(location.mapping)) {
    return "[unknown]";
  }
  const std::string_view path = profile.mappings().at(location.mapping).path;
  const std::string_view file = path.substr(path.rfind('/') + 1);
  return fmt::format("{}+{:#x}", file.empty() ? "[unknown]" : file, location.address);
}

}  // namespace stoker::profile
