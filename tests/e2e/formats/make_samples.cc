// Writes profiles for readers that others wrote: make_samples DIRECTORY. Each is written in every format.
//   web      a program with native, inlined, kernel, Python, and unnamed frames in two processes; values known below
//   hostile  names that try to break out of JSON, HTML, XML and UTF-8
//   large    20,000 distinct frames in one tree, 50,000 samples
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "profile/profile.h"
#include "profile/write_file.h"

namespace {

using namespace stoker;
using namespace stoker::profile;

constexpr std::int64_t kPeriod = 10'000'000;  // 100 Hz

Profile cpu_profile() {
  Profile profile;
  profile.sample_types = {{"samples", "count"}, {"cpu", "nanoseconds"}};
  profile.period_type = {"cpu", "nanoseconds"};
  profile.period = kPeriod;
  profile.time = {1'780'000'000'123'456'789};
  profile.duration = std::chrono::seconds(10);
  profile.default_sample_type = "cpu";
  profile.comments = {"agent version 0.1.0", "0 samples dropped"};
  return profile;
}

void add(Profile& profile, const std::vector<LocationId>& stack, LabelSetId labels, std::int64_t count) {
  const std::int64_t values[] = {count, count * kPeriod};
  profile.add_sample(profile.add_stack(stack), labels, values);
}

LocationId named(Profile& profile, MappingId mapping, std::uint64_t address,
                 const std::vector<std::string>& names, FrameKind kind = FrameKind::kNative,
                 const std::string& file = "/src/server.cc") {
  Location location{.mapping = mapping, .address = address, .kind = kind};
  std::int64_t line = 10;
  for (const std::string& name : names) {
    const FunctionId function =
        profile.add_function({.name = name, .system_name = "_Z_" + name, .file = file, .start_line = line});
    location.lines.push_back({function, line + 7});
    line += 100;
  }
  return profile.add_location(location);
}

Profile web() {
  Profile p = cpu_profile();
  const MappingId server = p.add_mapping({.start = 0x1000,
                                          .limit = 0x9000,
                                          .file_offset = 0x1000,
                                          .path = "/usr/bin/server",
                                          .build_id = "0123456789abcdef0123456789abcdef01234567"});
  const MappingId libc = p.add_mapping({.start = 0x28000,
                                        .limit = 0x1bd000,
                                        .file_offset = 0x28000,
                                        .path = "/usr/lib/libc.so.6",
                                        .build_id = "89abcdef0123456789abcdef0123456789abcdef"});
  const MappingId kernel =
      p.add_mapping({.start = 0xffffffff81000000, .limit = 0xffffffff82000000, .path = "[kernel.kallsyms]"});
  const MappingId python = p.add_mapping({.path = "[python]"});
  const LabelSetId one = p.add_labels({{.key = "pid", .number = 100}, {.key = "process", .text = "server"}});
  const LabelSetId two = p.add_labels({{.key = "pid", .number = 200}, {.key = "process", .text = "worker"}});

  const LocationId main = named(p, server, 0x1010, {"main"});
  const LocationId handle =
      named(p, server, 0x2020, {"parse_header", "read_request", "handle"});  // two inlined
  const LocationId hash = named(p, server, 0x3030, {"hash"});
  const LocationId stripped = p.add_location({.mapping = server, .address = 0x4040});
  const LocationId in_libc = p.add_location({.mapping = libc, .address = 0x12345});
  const LocationId write = named(p, libc, 0x10f0f0, {"write"}, FrameKind::kNative, "");
  const LocationId sys = named(p, kernel, 0xffffffff81001234, {"do_syscall_64"}, FrameKind::kKernel, "");
  const LocationId vfs = named(p, kernel, 0xffffffff81405678, {"vfs_write"}, FrameKind::kKernel, "");
  const LocationId view = named(p, python, 0, {"render_view"}, FrameKind::kRuntime, "/app/views.py");
  const LocationId cut = named(p, 0, 0, {"[cut: unreadable stack]"}, FrameKind::kMarker, "");

  add(p, {hash, handle, main}, one, 400);
  add(p, {vfs, sys, write, handle, main}, one, 250);
  add(p, {stripped, handle, main}, one, 50);
  add(p, {hash, view, main}, two, 150);
  add(p, {hash, hash, main}, two, 60);
  add(p, {in_libc, view, main}, two, 70);
  add(p, {view, cut}, two, 20);
  return p;
}

Profile hostile() {
  Profile p = cpu_profile();
  p.comments.push_back("</script><script>window.pwned=1</script>");
  const MappingId mapping = p.add_mapping(
      {.start = 0x1000, .limit = 0x2000, .path = "/tmp/<img src=x onerror=window.pwned=1>\xff"});
  const std::vector<std::string> names = {
      "</script><script>window.pwned=1</script>",
      "<img src=x onerror=window.pwned=1>",
      "<!--<script>",
      "]]>&lt;&amp;\"'`${window.pwned=1}",
      "a;b c\n9 12",
      std::string("nul\0byte", 8),
      "bad utf8 \xff\xfe\xc0\x80\xed\xa0\x80 end",
      "\xe2\x80\xa8line separator\xe2\x80\xa9",
      "\\u003c\\\"",
      "__proto__",
      "constructor",
      "",
      std::string(5000, 'L'),
  };
  LabelSet labels{{.key = "process", .text = "<b>bad</b>\xf0\x28"}, {.key = "pid", .number = 7}};
  const LabelSetId set = p.add_labels(labels);
  const LocationId main = named(p, mapping, 0x1000, {"main"});
  std::uint64_t address = 0x1100;
  for (const std::string& name : names) {
    add(p, {named(p, mapping, address, {name}, FrameKind::kNative, name), main}, set, 10);
    address += 16;
  }
  return p;
}

// A tree of 20,000 nodes, each a function of its own, 50,000 samples of eight threads.
Profile large() {
  Profile p = cpu_profile();
  const MappingId mapping = p.add_mapping({.start = 0x1000, .limit = 0x10000000, .path = "/usr/bin/large"});
  std::uint64_t state = 42;
  const auto next = [&state](std::uint64_t below) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (state >> 33) % below;
  };
  std::vector<LocationId> locations;
  std::vector<std::uint64_t> parents;
  for (std::uint64_t i = 0; i < 20'000; ++i) {
    locations.push_back(named(p, mapping, 0x1000 + i * 64,
                              {"ns::component" + std::to_string(i % 97) + "::function_" + std::to_string(i) +
                               "(std::string const&, int)"}));
    parents.push_back(i < 20 ? i / 2 : i - 1 - next(std::min<std::uint64_t>(i - 1, 900)));
  }
  std::vector<LocationId> stack;
  for (std::uint64_t n = 0; n < 50'000; ++n) {
    stack.clear();
    for (std::uint64_t at = n * 7919 % locations.size(); at != 0; at = parents[at]) {
      stack.push_back(locations[at]);
    }
    stack.push_back(locations[0]);
    const LabelSetId thread =
        p.add_labels({{.key = "tid", .number = static_cast<std::int64_t>(n / 20'000 + 1)}});
    add(p, stack, thread, 1 + static_cast<std::int64_t>(next(4)));
  }
  return p;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    log::error("usage: make_samples DIRECTORY");
    return 2;
  }
  for (const auto& [name, profile] : {std::pair{"web", web()}, {"hostile", hostile()}, {"large", large()}}) {
    for (const char* ending : {".pb.gz", ".pb", ".html", ".folded", ".speedscope.json", ".svg"}) {
      const auto written = write_profile_file(profile, std::string(argv[1]) + "/" + name + ending,
                                              std::string(name) + " profile");
      if (!written) {
        log::error("{}", written.error().message());
        return 1;
      }
    }
  }
}
