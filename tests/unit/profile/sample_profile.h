// A small profile that the tests of this folder share.
#pragma once

#include <string>
#include <vector>

#include "profile/profile.h"

namespace stoker::profile::test {

inline LocationId add_named(Profile& profile, MappingId mapping, std::uint64_t address,
                            const std::vector<std::string>& names, FrameKind kind = FrameKind::kNative) {
  Location location{.mapping = mapping, .address = address, .kind = kind};
  for (const std::string& name : names) {
    location.lines.push_back(
        {profile.add_function(
             {.name = name, .system_name = "_" + name, .file = name + ".cc", .start_line = 3}),
         12});
  }
  return profile.add_location(location);
}

// main → work (with "inlined" inlined) 3 samples of pid 7; main → an address of libc without a name 1 sample.
inline Profile small_profile() {
  Profile profile;
  profile.sample_types = {{"samples", "count"}, {"cpu", "nanoseconds"}};
  profile.period_type = {"cpu", "nanoseconds"};
  profile.period = 10;
  profile.time = {1'700'000'000'000'000'000};
  profile.duration = Nanoseconds(100);
  profile.default_sample_type = "cpu";
  profile.comments = {"first", "second"};
  const MappingId binary = profile.add_mapping(
      {.start = 0x1000, .limit = 0x2000, .file_offset = 0x100, .path = "/bin/app", .build_id = "abcd"});
  const LocationId main = add_named(profile, binary, 0x1010, {"main"});
  const LocationId work = add_named(profile, binary, 0x1020, {"inlined", "work"});
  const LocationId bare = profile.add_location({.mapping = binary, .address = 0x1030});
  const LabelSetId labels =
      profile.add_labels({{.key = "process", .text = "app"}, {.key = "pid", .number = 7}});
  const std::int64_t three[] = {3, 30};
  const std::int64_t one[] = {1, 10};
  profile.add_sample(profile.add_stack(std::vector{work, main}), labels, three);
  profile.add_sample(profile.add_stack(std::vector{bare, main}), 0, one);
  return profile;
}

}  // namespace stoker::profile::test
