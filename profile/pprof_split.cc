#include <bit>
#include <string_view>
#include <unordered_set>

#include "profile/copy.h"
#include "profile/pprof_writer.h"
#include "profile/text.h"

namespace stoker::profile {
namespace {

// The most bytes that fields take in the file: a tag of one byte and a varint (protobuf's encoding.md).
constexpr std::size_t kNumber = 1 + 10;  // any int64 or uint64
constexpr std::size_t kIndex = 1 + 5;    // a string's or an entry's 32-bit id
constexpr std::size_t kFlag = 1 + 1;
constexpr std::size_t kHeader = 1 + 5;  // of an embedded message or a text

std::size_t varint_size(std::uint64_t value) {
  return value == 0 ? 1 : (static_cast<std::size_t>(std::bit_width(value)) + 6) / 7;
}

// Counts what samples add to a file in which tables are written once.
class SizeMeter {
 public:
  explicit SizeMeter(const Profile& profile)
      : profile_(profile),
        location_id_size_(varint_size(profile.locations().size())),
        mappings_(profile.mappings().size() + 1),
        functions_(profile.functions().size() + 1),
        locations_(profile.locations().size() + 1),
        stacks_(profile.stacks().size() + 1) {
    total_ = kHeader + 5 * kNumber + value_type(profile.period_type) + text(profile.default_sample_type);
    for (const ValueType& type : profile.sample_types) {
      total_ += value_type(type);
    }
    for (const std::string& comment : profile.comments) {
      total_ += kIndex + text(comment);
    }
  }

  std::size_t total() const { return total_; }

  void add(const Sample& sample) {
    total_ += 2 * kHeader + profile_.sample_types.size() * kNumber;
    if (profile_.stacks().contains(sample.stack)) {
      add_stack(sample.stack);
    }
    if (profile_.label_sets().contains(sample.labels)) {
      for (const Label& label : profile_.label_sets().at(sample.labels)) {
        total_ += kHeader + 3 * kIndex + kNumber + text(label.key) + text(label.text) + text(label.unit);
      }
    }
  }

  void add_mapping(MappingId id) {
    if (profile_.mappings().contains(id) && !mappings_[id]) {
      mappings_[id] = true;
      const Mapping& mapping = profile_.mappings().at(id);
      total_ += 2 * (kHeader + 3 * kIndex + 3 * kNumber + 4 * kFlag);
      total_ += text(mapping.path) + text(mapping.build_id);
    }
  }

 private:
  // A text new to the string table. Each byte that is no UTF-8 is written as three.
  std::size_t text(std::string_view value) {
    if (!strings_.insert(value).second) {
      return 0;
    }
    return kHeader + (is_valid_utf8(value) ? 1 : 3) * value.size();
  }
  std::size_t value_type(const ValueType& type) {
    return kHeader + 2 * kIndex + text(type.type) + text(type.unit);
  }

  void add_stack(StackId id) {
    const std::vector<LocationId>& stack = profile_.stacks().at(id);
    total_ += kHeader + stack.size() * location_id_size_;
    if (stacks_[id]) {
      return;
    }
    stacks_[id] = true;
    for (const LocationId location : stack) {
      if (profile_.locations().contains(location) && !locations_[location]) {
        locations_[location] = true;
        add_location(profile_.locations().at(location));
      }
    }
  }

  void add_location(const Location& location) {
    total_ += kHeader + 2 * kIndex + kNumber + location.lines.size() * (kHeader + kIndex + kNumber);
    add_mapping(location.mapping);
    for (const Line& line : location.lines) {
      if (profile_.functions().contains(line.function) && !functions_[line.function]) {
        functions_[line.function] = true;
        const Function& function = profile_.functions().at(line.function);
        total_ += kHeader + 4 * kIndex + kNumber;
        total_ += text(function.name) + text(function.system_name) + text(function.file);
      }
    }
  }

  const Profile& profile_;
  std::size_t location_id_size_;
  std::vector<bool> mappings_;
  std::vector<bool> functions_;
  std::vector<bool> locations_;
  std::vector<bool> stacks_;
  std::unordered_set<std::string_view> strings_;
  std::size_t total_ = 0;
};

}  // namespace

std::size_t pprof_size_bound(const Profile& profile) {
  SizeMeter meter(profile);
  for (const Sample& sample : profile.samples()) {
    meter.add(sample);
  }
  for (MappingId id = 1; id <= profile.mappings().size(); ++id) {
    meter.add_mapping(id);
  }
  return meter.total();
}

std::vector<Profile> split(const Profile& profile, std::size_t max_uncompressed_bytes,
                           std::size_t max_samples) {
  std::vector<Profile> parts;
  const std::vector<Sample>& samples = profile.samples();
  for (std::size_t first = 0; first < samples.size() || parts.empty();) {
    SizeMeter meter(profile);
    std::size_t end = first;
    while (end < samples.size() && (end == first || end - first < max_samples)) {
      meter.add(samples[end]);
      if (meter.total() > max_uncompressed_bytes && end > first) {
        break;
      }
      ++end;
    }
    Profile part;
    copy_facts(profile, part);
    Copier copier(profile, part);
    for (; first < end; ++first) {
      copier.sample(samples[first]);
    }
    parts.push_back(std::move(part));
  }
  return parts;
}

}  // namespace stoker::profile
