#include "profile/folded.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <map>
#include <vector>

#include "profile/frame_kind.h"
#include "profile/process.h"
#include "profile/text.h"

namespace stoker::profile {
namespace {

void append_frame(std::string& stack, std::string_view name) {
  if (!stack.empty()) {
    stack += ';';
  }
  const std::size_t start = stack.size();
  stack += valid_utf8(name);
  for (std::size_t i = start; i < stack.size(); ++i) {
    const auto byte = static_cast<unsigned char>(stack[i]);
    if (byte == ';') {
      stack[i] = ':';
    } else if (byte < 0x20 || byte == 0x7f) {
      stack[i] = '?';
    }
  }
}

Location location_of(Profile& profile, std::string_view name) {
  constexpr std::string_view kKernelMark = "_[k]";
  Location location;
  location.kind = infer_kind("", 0, name);
  if (name.ends_with(kKernelMark)) {
    name.remove_suffix(kKernelMark.size());
    location.kind = FrameKind::kKernel;
  }
  location.lines = {{profile.add_function({.name = std::string(name), .system_name = std::string(name)}), 0}};
  return location;
}

}  // namespace

std::string write_folded(const Profile& profile, const FoldedOptions& options) {
  const std::size_t index = options.value_index.value_or(profile.default_value_index());
  std::map<std::string, std::int64_t> lines;
  std::string stack;
  for (const Sample& sample : profile.samples()) {
    stack.clear();
    if (options.by_process) {
      const std::string process = process_name(profile, sample.labels);
      if (!process.empty()) {
        append_frame(stack, process);
      }
    }
    if (profile.stacks().contains(sample.stack)) {
      const std::vector<LocationId>& ids = profile.stacks().at(sample.stack);
      for (auto id = ids.rbegin(); id != ids.rend(); ++id) {
        const Location& location = profile.locations().at(*id);
        for (std::size_t i = std::max<std::size_t>(location.lines.size(), 1); i-- > 0;) {
          append_frame(stack, frame_name(profile, location, i));
        }
      }
    }
    if (stack.empty()) {
      stack = "[no stack]";
    }
    lines[stack] += index < sample.values.size() ? sample.values[index] : 0;
  }
  std::string out;
  for (const auto& [names, value] : lines) {
    if (value != 0) {
      fmt::format_to(std::back_inserter(out), "{} {}\n", names, value);
    }
  }
  return out;
}

Result<Profile> read_folded(std::string_view text, const std::string& name) {
  Profile profile;
  profile.sample_types = {{"samples", "count"}};
  std::vector<LocationId> stack;
  for (std::size_t number = 1; !text.empty(); ++number) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.ends_with('\r')) {
      line.remove_suffix(1);
    }
    if (line.empty() || line.starts_with('#')) {
      continue;
    }
    const std::size_t space = line.rfind(' ');
    std::int64_t value = 0;
    const char* end = line.data() + line.size();
    const char* digits = space == std::string_view::npos ? end : line.data() + space + 1;
    if (const auto [stop, error] = std::from_chars(digits, end, value); error != std::errc() || stop != end) {
      return make_error("cannot read folded stacks " + name,
                        fmt::format("line {} does not end in a number", number));
    }
    line = line.substr(0, space);
    stack.clear();
    while (!line.empty()) {
      const std::string_view frame = line.substr(0, line.find(';'));
      line.remove_prefix(std::min(frame.size() + 1, line.size()));
      stack.push_back(profile.add_location(location_of(profile, frame)));
    }
    std::ranges::reverse(stack);
    profile.add_sample(profile.add_stack(stack), 0, std::array{value});
  }
  return profile;
}

}  // namespace stoker::profile
