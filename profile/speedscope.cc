#include "profile/speedscope.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "profile/process.h"
#include "profile/text.h"

namespace stoker::profile {
namespace {

struct Group {
  std::string process;
  std::vector<const Sample*> samples;
};

// The schema's names of units.
std::string_view unit_name(std::string_view unit) {
  for (const std::string_view known : {"nanoseconds", "microseconds", "milliseconds", "seconds", "bytes"}) {
    if (unit == known) {
      return known;
    }
  }
  return "none";
}

std::int64_t value_of(const Sample& sample, std::size_t index) {
  return index < sample.values.size() ? sample.values[index] : 0;
}

std::int64_t total_of(const Group& group, std::size_t index) {
  std::int64_t sum = 0;
  for (const Sample* sample : group.samples) {
    __builtin_add_overflow(sum, std::max<std::int64_t>(value_of(*sample, index), 0), &sum);
  }
  return sum;
}

std::vector<Group> group_by_process(const Profile& profile, std::size_t index) {
  std::map<std::string, std::size_t> positions;
  std::vector<Group> groups;
  for (const Sample& sample : profile.samples()) {
    std::string process = process_name(profile, sample.labels);
    const auto [found, is_new] = positions.try_emplace(std::move(process), groups.size());
    if (is_new) {
      groups.push_back({found->first, {}});
    }
    groups[found->second].samples.push_back(&sample);
  }
  if (groups.empty()) {
    groups.emplace_back();
  }
  std::vector<std::pair<std::int64_t, std::size_t>> order;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    order.emplace_back(-total_of(groups[i], index), i);
  }
  std::ranges::sort(order);
  std::vector<Group> sorted;
  for (const auto& [total, i] : order) {
    sorted.push_back(std::move(groups[i]));
  }
  return sorted;
}

// shared.frames, and for each location the numbers of its frames, outermost first, as text ready to be
// joined.
class Frames {
 public:
  explicit Frames(const Profile& profile) : of_location_(profile.locations().size() + 1) {
    for (LocationId id = 1; id <= profile.locations().size(); ++id) {
      const Location& location = profile.locations().at(id);
      for (std::size_t i = std::max<std::size_t>(location.lines.size(), 1); i-- > 0;) {
        fmt::format_to(std::back_inserter(of_location_[id]), "{}{}", of_location_[id].empty() ? "" : ",",
                       number_of(profile, location, i));
      }
    }
  }

  const std::string& of(LocationId id) const { return of_location_[id]; }
  const std::string& json() const { return json_; }

 private:
  std::size_t number_of(const Profile& profile, const Location& location, std::size_t line_index) {
    std::string entry = "{\"name\":";
    append_json(entry, frame_name(profile, location, line_index));
    if (line_index < location.lines.size()) {
      const Line& line = location.lines[line_index];
      if (profile.functions().contains(line.function) &&
          !profile.functions().at(line.function).file.empty()) {
        entry += ",\"file\":";
        append_json(entry, profile.functions().at(line.function).file);
        if (line.line > 0) {
          fmt::format_to(std::back_inserter(entry), ",\"line\":{}", line.line);
        }
      }
    }
    entry += '}';
    const auto [found, is_new] = known_.try_emplace(std::move(entry), known_.size());
    if (is_new) {
      json_ += known_.size() == 1 ? "" : ",";
      json_ += found->first;
    }
    return found->second;
  }

  std::vector<std::string> of_location_;
  std::map<std::string, std::size_t> known_;
  std::string json_;
};

void append_stack(std::string& out, const Profile& profile, const Frames& frames, StackId id) {
  out += '[';
  if (profile.stacks().contains(id)) {
    const std::vector<LocationId>& stack = profile.stacks().at(id);
    for (auto location = stack.rbegin(); location != stack.rend(); ++location) {
      out += location == stack.rbegin() ? "" : ",";
      out += frames.of(*location);
    }
  }
  out += ']';
}

void append_profile(std::string& out, const Profile& profile, const Frames& frames, const Group& group,
                    std::size_t index, const std::string& name) {
  const ValueType& type = profile.sample_types[index];
  out += "{\"type\":\"sampled\",\"name\":";
  append_json(out, name);
  fmt::format_to(std::back_inserter(out), ",\"unit\":\"{}\",\"startValue\":0,\"endValue\":{},\"samples\":[",
                 unit_name(type.unit), total_of(group, index));
  std::string weights;
  for (const Sample* sample : group.samples) {
    const std::int64_t value = value_of(*sample, index);
    if (value > 0) {
      out += weights.empty() ? "" : ",";
      append_stack(out, profile, frames, sample->stack);
      fmt::format_to(std::back_inserter(weights), "{}{}", weights.empty() ? "" : ",", value);
    }
  }
  out += "],\"weights\":[" + weights + "]}";
}

}  // namespace

std::string write_speedscope(const Profile& profile, const std::string& title) {
  const std::size_t main_index = profile.default_value_index();
  std::vector<std::size_t> indexes{main_index};
  for (std::size_t i = 0; i < profile.sample_types.size(); ++i) {
    if (i != main_index) {
      indexes.push_back(i);
    }
  }
  const Frames frames(profile);
  const std::vector<Group> groups = group_by_process(profile, main_index);
  std::string out =
      R"({"$schema":"https://www.speedscope.app/file-format-schema.json","exporter":"stoker","name":)";
  append_json(out, title);
  out += ",\"activeProfileIndex\":0,\"shared\":{\"frames\":[" + frames.json() + "]},\"profiles\":[";
  bool first = true;
  for (const std::size_t index : indexes) {
    for (const Group& group : groups) {
      if (index >= profile.sample_types.size()) {
        continue;
      }
      out += first ? "" : ",";
      first = false;
      const std::string& process = group.process.empty() ? title : group.process;
      append_profile(out, profile, frames, group, index,
                     indexes.size() == 1 ? process : process + " — " + profile.sample_types[index].type);
    }
  }
  return out += "]}\n";
}

}  // namespace stoker::profile
