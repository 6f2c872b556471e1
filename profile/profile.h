// A profile in memory: what pprof holds, interned. Everything that writes, reads, merges or draws profiles
// works on it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "profile/intern.h"

namespace stoker::profile {

// Indexes into a Profile's tables. Id 0 is "none" everywhere, as in pprof.
using MappingId = std::uint32_t;
using FunctionId = std::uint32_t;
using LocationId = std::uint32_t;
using StackId = std::uint32_t;
using LabelSetId = std::uint32_t;

// Decides a frame's colour. kRuntime: a frame of Python, Java, Node and the like; kMarker: "[cut: …]" and its
// kind.
enum class FrameKind : std::uint8_t { kNative, kKernel, kRuntime, kMarker };

// What a sample's values count: {"samples","count"}, {"cpu","nanoseconds"}.
struct ValueType {
  std::string type;
  std::string unit;
  bool operator==(const ValueType&) const = default;
};

// A binary as one process had it mapped. Two entries per binary: symbolized locations must not share a
// mapping with the others (has_functions makes a Pyroscope server zero every address of a mapping: shared
// facts, "Mappings").
struct Mapping {
  std::uint64_t start = 0;        // ELF address of the first byte
  std::uint64_t limit = 0;        // one past the last
  std::uint64_t file_offset = 0;  // of start
  std::string path;               // "/usr/lib/libc.so.6", "[kernel]", "[vdso]"
  std::string build_id;           // lower-case hex or ""
  bool has_functions = false;
  bool has_filenames = false;
  bool has_line_numbers = false;
  bool has_inline_frames = false;
  bool operator==(const Mapping&) const = default;
};

struct Function {
  std::string name;         // as shown: demangled
  std::string system_name;  // as in the symbol table
  std::string file;         // "" when not known
  std::int64_t start_line = 0;
  bool operator==(const Function&) const = default;
};

struct Line {
  FunctionId function = 0;
  std::int64_t line = 0;  // 0 when not known
  bool operator==(const Line&) const = default;
};

struct Location {
  MappingId mapping = 0;      // 0 for markers
  std::uint64_t address = 0;  // ELF address (kernel: run address); of the call, not of the return
  std::vector<Line> lines;    // innermost (inlined) first; empty when there is no name
  FrameKind kind = FrameKind::kNative;
  bool operator==(const Location&) const = default;
};

// A sample's label: text, or a number with its unit (text empty).
struct Label {
  std::string key;
  std::string text;
  std::int64_t number = 0;
  std::string unit;
  auto operator<=>(const Label&) const = default;
};
using LabelSet = std::vector<Label>;  // sorted by key

struct Sample {
  StackId stack = 0;
  LabelSetId labels = 0;
  std::vector<std::int64_t> values;  // one per sample type
};

// Single-threaded. Equal mappings, functions, locations, stacks and label sets are stored once; add_sample
// adds the values of a (stack, labels) pair that is already there.
class Profile {
 public:
  std::vector<ValueType> sample_types;
  ValueType period_type;
  std::int64_t period = 0;
  WallTime time;  // the window's start
  Nanoseconds duration{0};
  std::string default_sample_type;
  std::vector<std::string> comments;

  MappingId add_mapping(const Mapping& mapping);
  FunctionId add_function(const Function& function);
  LocationId add_location(const Location& location);
  // Leaf first, as pprof has it. Empty is a stack as well.
  StackId add_stack(std::span<const LocationId> locations);
  LabelSetId add_labels(const LabelSet& labels);
  void add_sample(StackId stack, LabelSetId labels, std::span<const std::int64_t> values);

  // Ids run from 1 to size(); at(id) of another id is a caller's bug.
  const InternTable<Mapping>& mappings() const { return mappings_; }
  const InternTable<Function>& functions() const { return functions_; }
  const InternTable<Location>& locations() const { return locations_; }
  const InternTable<std::vector<LocationId>>& stacks() const { return stacks_; }
  const InternTable<LabelSet>& label_sets() const { return label_sets_; }
  const std::vector<Sample>& samples() const { return samples_; }

  // Sum over all samples of the value at index; 0 when there is no such sample type.
  std::int64_t total(std::size_t value_index) const;
  // The index that reports and flame graphs show: default_sample_type's, else the last one (as pprof does).
  std::size_t default_value_index() const;

 private:
  InternTable<Mapping> mappings_;
  InternTable<Function> functions_;
  InternTable<Location> locations_;
  InternTable<std::vector<LocationId>> stacks_;
  InternTable<LabelSet> label_sets_;
  std::vector<Sample> samples_;
  SampleIndex sample_index_;
};

// Sample types, period, time, duration, default type and comments: all but the samples.
void copy_facts(const Profile& from, Profile& to);

// The name to show for one line of a location, or for a location without lines: "libc.so.6+0x4f3c1" from its
// mapping and ELF address, "[unknown]" without a mapping.
std::string frame_name(const Profile& profile, const Location& location, std::size_t line_index);

}  // namespace stoker::profile
