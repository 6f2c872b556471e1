#include "agent/profile_builder.h"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <algorithm>
#include <span>
#include <unordered_map>
#include <utility>

#include "agent/stats.h"
#include "agent/version.h"

namespace stoker::agent {
namespace {

using profile::FrameKind;

// Puts a window's frames into one profile.
class LocationTable {
 public:
  LocationTable(const NamedWindow& named, profile::Profile& profile) : named_(named), profile_(profile) {}

  profile::LocationId of(NamedWindow::FrameId id) {
    const auto [position, is_new] = ids_.try_emplace(id, 0);
    if (is_new) {
      position->second = profile_.add_location(location(id));
    }
    return position->second;
  }

 private:
  profile::Location location(NamedWindow::FrameId id) {
    const MappedFrame& frame = named_.mapped(id);
    profile::Location location;
    location.kind = frame.kind;
    if (frame.kind == FrameKind::kMarker) {
      const std::string text =
          fmt::format("[cut: {}]", stat_info(static_cast<stat_id>(frame.address)).sentence);
      location.lines.push_back({profile_.add_function({.name = text, .system_name = text, .file = ""}), 0});
      return location;
    }
    const std::span<const NamedWindow::Line> lines = named_.lines(id);
    location.address = frame.address;
    location.mapping = mapping(id);
    for (const NamedWindow::Line& line : lines) {
      location.lines.push_back({profile_.add_function(named_.function(line.function)), line.line});
    }
    if (const std::string text = lines.empty() ? substitute_name(frame) : ""; !text.empty()) {
      location.lines.push_back({profile_.add_function({.name = text, .system_name = text, .file = ""}), 0});
    }
    return location;
  }

  // What stands for a name where none can ever be found. Code in a file gets none: its address and build id stay, so
  // that a server or `agent symbolize` can look it up, and readers show it by file and address.
  std::string substitute_name(const MappedFrame& frame) const {
    if (frame.kind == FrameKind::kKernel) {
      return "[kernel]";
    }
    if (frame.binary == MappedFrame::kNoBinary) {
      return "[unknown]";
    }
    const elf::Binary& binary = *named_.window().binaries[frame.binary];
    // Memory without a file has a different address at every call of a JIT: its name is all that can be shared.
    return binary.elf == nullptr && binary.path.starts_with('[') ? binary.path : std::string();
  }

  profile::MappingId mapping(NamedWindow::FrameId id) {
    const MappedFrame& frame = named_.mapped(id);
    profile::Mapping mapping;
    mapping.has_functions = !named_.lines(id).empty();
    if (frame.kind == FrameKind::kKernel) {
      const std::string& module = named_.module(id);
      mapping.path = module.empty() ? "[kernel]" : "[kernel:" + module + "]";
      mapping.limit = ~std::uint64_t{0};
      return profile_.add_mapping(mapping);
    }
    if (frame.binary == MappedFrame::kNoBinary) {
      return 0;
    }
    const elf::Binary& binary = *named_.window().binaries[frame.binary];
    mapping.path = binary.path;
    mapping.build_id = binary.build_id;
    if (binary.elf != nullptr) {
      for (const elf::Segment& segment : binary.elf->executable_segments()) {
        if (frame.address >= segment.address.value && frame.address - segment.address.value < segment.size) {
          mapping.start = segment.address.value;
          mapping.limit = segment.address.value + segment.size;
          mapping.file_offset = segment.offset.value;
          break;
        }
      }
    }
    if (mapping.has_functions && named_.has_lines(frame.binary)) {
      mapping.has_filenames = true;
      mapping.has_line_numbers = true;
      mapping.has_inline_frames = true;
    }
    return profile_.add_mapping(mapping);
  }

  const NamedWindow& named_;
  profile::Profile& profile_;
  std::unordered_map<NamedWindow::FrameId, profile::LocationId> ids_;
};

// A profile's first mapping is its program's, by pprof's convention: "File:" in reports. A frame of the program itself
// that is in the profile anyway is added before all others.
void add_program_first(const NamedWindow& named, const Cell& first, LocationTable& locations) {
  const Window& window = named.window();
  for (const Cell& cell : window.cells) {
    // Of any image: before the first exec of a recorded command it is the agent itself.
    const auto& process = window.processes[cell.process];
    if (process.pid != window.processes[first.process].pid) {
      continue;
    }
    for (const NamedWindow::FrameId id : named.frames_of(window.stacks[cell.stack])) {
      const std::uint32_t binary = named.mapped(id).binary;
      if (binary != MappedFrame::kNoBinary && window.binaries[binary]->path == process.exe) {
        locations.of(id);
        return;
      }
    }
  }
}

}  // namespace

profile::Profile ProfileBuilder::empty(const Window& window) const {
  utsname kernel{};
  ::uname(&kernel);
  profile::Profile profile;
  profile.sample_types = {{"samples", "count"}, {"cpu", "nanoseconds"}};
  profile.default_sample_type = "cpu";
  profile.period_type = {"cpu", "nanoseconds"};
  profile.period = 1'000'000'000 / facts_.frequency;
  profile.time = window.start;
  profile.duration = window.duration;
  profile.comments = {fmt::format("agent {}", kVersion),
                      fmt::format("{} {} {}", kernel.sysname, kernel.release, kernel.machine),
                      fmt::format("{} at {} Hz", facts_.event_name, facts_.frequency)};
  profile.comments.insert(profile.comments.end(), facts_.comments.begin(), facts_.comments.end());
  return profile;
}

std::vector<TargetProfile> ProfileBuilder::build(const NamedWindow& named, const TargetOf& target_of) const {
  const Window& window = named.window();
  struct Open {
    std::size_t index;
    LocationTable locations;
  };
  std::vector<std::unique_ptr<TargetProfile>> targets;  // stable addresses: LocationTable refers to them
  std::unordered_map<std::string, Open> open;
  std::vector<profile::LocationId> stack;
  for (const Cell& cell : window.cells) {
    const SampledProcess& process = window.processes[cell.process];
    const Target target = target_of(process, window.thread_names[cell.thread]);
    auto position = open.find(target.key);
    if (position == open.end()) {
      targets.push_back(std::make_unique<TargetProfile>(TargetProfile{target.key, {}, empty(window)}));
      position =
          open.emplace(target.key, Open{targets.size() - 1, LocationTable(named, targets.back()->profile)})
              .first;
    }
    TargetProfile& to = *targets[position->second.index];
    if (to.processes.empty()) {
      add_program_first(named, cell, position->second.locations);
    }
    if (std::ranges::find(to.processes, cell.process) == to.processes.end()) {
      to.processes.push_back(cell.process);
    }
    stack.clear();
    for (const NamedWindow::FrameId id : named.frames_of(window.stacks[cell.stack])) {
      stack.push_back(position->second.locations.of(id));
    }
    const auto samples = static_cast<std::int64_t>(cell.samples);
    const std::int64_t values[] = {samples, samples * to.profile.period};
    to.profile.add_sample(to.profile.add_stack(stack), to.profile.add_labels(target.labels), values);
  }
  std::vector<TargetProfile> result;
  for (std::unique_ptr<TargetProfile>& target : targets) {
    result.push_back(std::move(*target));
  }
  return result;
}

Target whole_target(const SampledProcess& process, std::string_view thread_name) {
  Target target;
  if (!process.container.id.empty()) {
    target.labels.push_back({.key = "container_id", .text = process.container.id, .unit = ""});
  }
  target.labels.push_back({.key = "pid", .text = "", .number = process.pid, .unit = ""});
  target.labels.push_back({.key = "process", .text = process.comm, .unit = ""});
  target.labels.push_back({.key = "thread", .text = std::string(thread_name), .unit = ""});
  return target;
}

}  // namespace stoker::agent
