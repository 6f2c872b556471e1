#include "symbolize/finish_profile.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace stoker::symbolize {
namespace {

using profile::Location;
using profile::Mapping;

std::optional<elf::ElfAddress> elf_address(const Mapping& mapping, std::uint64_t address,
                                           const elf::ElfFile& file) {
  if (mapping.start == 0 && mapping.limit == 0) {
    return elf::ElfAddress{address};
  }
  const elf::MappedRange range{{mapping.start}, {mapping.limit}, {mapping.file_offset}};
  if (const auto offset = elf::to_offset(elf::RunAddress{address}, range)) {
    if (const auto found = elf::to_elf(*offset, file.executable_segments())) {
      return found;
    }
  }
  // A debug file has no bytes of code, and so no offsets: then only ELF addresses can be told.
  return file.is_code({address}) ? std::optional(elf::ElfAddress{address}) : std::nullopt;
}

class Finisher {
 public:
  Finisher(const profile::Profile& from, BinaryFinder& files, Symbolizer& symbolizer)
      : from_(from), files_(files), symbolizer_(symbolizer) {}

  FinishedProfile run() {
    copy_facts(from_, out_.profile);
    for (const Mapping& mapping : from_.mappings().values()) {
      mappings_.push_back(out_.profile.add_mapping(without_flags(mapping)));
    }
    for (const Location& location : from_.locations().values()) {
      locations_.push_back(out_.profile.add_location(finished(location)));
    }
    std::vector<profile::LocationId> stack;
    for (const profile::Sample& sample : from_.samples()) {
      stack.clear();
      if (from_.stacks().contains(sample.stack)) {
        for (const profile::LocationId id : from_.stacks().at(sample.stack)) {
          stack.push_back(from_.locations().contains(id) ? locations_[id - 1] : 0);
        }
      }
      const bool labelled = from_.label_sets().contains(sample.labels);
      out_.profile.add_sample(out_.profile.add_stack(stack),
                              labelled ? out_.profile.add_labels(from_.label_sets().at(sample.labels)) : 0,
                              sample.values);
    }
    return std::move(out_);
  }

 private:
  // What a mapping's locations hold changes here, so that its flags are for whoever writes the profile to find out.
  static Mapping without_flags(Mapping mapping) {
    mapping.has_functions = false;
    mapping.has_filenames = false;
    mapping.has_line_numbers = false;
    mapping.has_inline_frames = false;
    return mapping;
  }

  Location finished(const Location& original) {
    Location location = original;
    const bool mapped = from_.mappings().contains(original.mapping);
    location.mapping = mapped ? mappings_[original.mapping - 1] : 0;
    for (profile::Line& line : location.lines) {
      line.function = from_.functions().contains(line.function)
                          ? out_.profile.add_function(from_.functions().at(line.function))
                          : 0;
    }
    if (location.lines.empty()) {
      if (mapped && original.kind == profile::FrameKind::kNative) {
        add_names(from_.mappings().at(original.mapping), location);
      }
      ++(location.lines.empty() ? out_.unnamed : out_.named);
    }
    return location;
  }

  void add_names(const Mapping& mapping, Location& location) {
    if (!mapping.path.starts_with('/')) {
      return;
    }
    const auto binary = files_.find(mapping.path, mapping.build_id);
    if (!binary) {
      if (std::ranges::find(out_.missing, binary.error().message(), &Error::message) == out_.missing.end()) {
        out_.missing.push_back(binary.error());
      }
      return;
    }
    const auto address = elf_address(mapping, location.address, *(*binary)->elf);
    if (!address) {
      return;
    }
    for (const SourceFrame& frame : symbolizer_.symbolize(*binary, *address)) {
      location.lines.push_back({out_.profile.add_function({.name = frame.function,
                                                           .system_name = frame.system_name,
                                                           .file = frame.file,
                                                           .start_line = frame.start_line}),
                                frame.line});
    }
  }

  const profile::Profile& from_;
  BinaryFinder& files_;
  Symbolizer& symbolizer_;
  FinishedProfile out_;
  std::vector<profile::MappingId> mappings_;    // of from's id at id - 1
  std::vector<profile::LocationId> locations_;  // likewise
};

}  // namespace

FinishedProfile finish_profile(const profile::Profile& from, BinaryFinder& files, Symbolizer& symbolizer) {
  return Finisher(from, files, symbolizer).run();
}

}  // namespace stoker::symbolize
