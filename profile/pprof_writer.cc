#include "profile/pprof_writer.h"

#include <array>
#include <deque>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "profile.pb.h"
#include "profile/gzip.h"
#include "profile/text.h"

namespace stoker::profile {
namespace {

namespace pb = perftools::profiles;

// Protobuf's record framing (encoding.md): tag = field << 3 | wire type, 2 = length-delimited, 0 = varint.
class RecordStream {
 public:
  explicit RecordStream(const PprofOptions& options) {
    if (options.gzip) {
      gzip_.emplace(options.level);
    }
  }

  void message(int field, const google::protobuf::MessageLite& value) {
    varint(static_cast<std::uint64_t>(field) << 3 | 2);
    varint(value.ByteSizeLong());
    value.AppendToString(&pending_);
    pass_on(kPiece);
  }
  void text(int field, std::string_view value) {
    varint(static_cast<std::uint64_t>(field) << 3 | 2);
    varint(value.size());
    pending_ += value;
    pass_on(kPiece);
  }
  void number(int field, std::int64_t value) {
    if (value != 0) {
      varint(static_cast<std::uint64_t>(field) << 3);
      varint(static_cast<std::uint64_t>(value));
    }
  }
  Result<std::string> finish() {
    if (!gzip_) {
      return std::move(pending_);
    }
    pass_on(0);
    return gzip_->finish();
  }

 private:
  static constexpr std::size_t kPiece = 64 << 10;

  void varint(std::uint64_t value) {
    while (value >= 0x80) {
      pending_ += static_cast<char>(value | 0x80);
      value >>= 7;
    }
    pending_ += static_cast<char>(value);
  }
  void pass_on(std::size_t at_least) {
    if (gzip_ && pending_.size() >= at_least) {
      gzip_->add(pending_);
      pending_.clear();
    }
  }

  std::optional<GzipWriter> gzip_;
  std::string pending_;
};

// The string table. Holds views of the profile's own strings, and copies of those that had to be mended.
class Strings {
 public:
  Strings() { index(""); }

  std::int64_t index(std::string_view text) {
    const auto [found, is_new] = known_.try_emplace(text, static_cast<std::int64_t>(table_.size()));
    if (is_new) {
      table_.push_back(is_valid_utf8(text) ? text : std::string_view(mended_.emplace_back(valid_utf8(text))));
    }
    return found->second;
  }
  const std::vector<std::string_view>& table() const { return table_; }

 private:
  std::unordered_map<std::string_view, std::int64_t> known_;
  std::vector<std::string_view> table_;
  std::deque<std::string> mended_;
};

// What the locations of one mapping hold, by whether they have names: one entry in the file for each.
struct MappingUse {
  std::array<std::uint64_t, 2> id{};  // in the file; [0] without names, [1] with
  std::array<bool, 2> used{};
  bool files = false;
  bool lines = false;
  bool inlines = false;
};

bool has_names(const Location& location) {
  return !location.lines.empty();
}

std::vector<MappingUse> find_uses(const Profile& profile) {
  std::vector<MappingUse> uses(profile.mappings().size() + 1);
  for (const Location& location : profile.locations().values()) {
    MappingUse& use = uses[profile.mappings().contains(location.mapping) ? location.mapping : 0];
    use.used[has_names(location) ? 1 : 0] = true;
    use.inlines |= location.lines.size() > 1;
    for (const Line& line : location.lines) {
      use.lines |= line.line != 0;
      use.files |=
          profile.functions().contains(line.function) && !profile.functions().at(line.function).file.empty();
    }
  }
  return uses;
}

void write_mappings(const Profile& profile, std::vector<MappingUse>& uses, Strings& strings,
                    RecordStream& out) {
  std::uint64_t next_id = 1;
  pb::Mapping entry;
  for (MappingId id = 1; id <= profile.mappings().size(); ++id) {
    const Mapping& mapping = profile.mappings().at(id);
    MappingUse& use = uses[id];
    // Readers take the first mapping for the main binary: it is written even when no location names it.
    if (!use.used[0] && !use.used[1]) {
      use.used[0] = true;
    }
    for (const std::size_t named : {std::size_t{1}, std::size_t{0}}) {
      if (!use.used[named]) {
        continue;
      }
      use.id[named] = next_id++;
      entry.set_id(use.id[named]);
      entry.set_memory_start(mapping.start);
      entry.set_memory_limit(mapping.limit);
      entry.set_file_offset(mapping.file_offset);
      entry.set_filename(strings.index(mapping.path));
      entry.set_build_id(strings.index(mapping.build_id));
      entry.set_has_functions(named == 1);
      entry.set_has_filenames(named == 1 && use.files);
      entry.set_has_line_numbers(named == 1 && use.lines);
      entry.set_has_inline_frames(named == 1 && use.inlines);
      out.message(pb::Profile::kMappingFieldNumber, entry);
    }
  }
}

void write_locations(const Profile& profile, const std::vector<MappingUse>& uses, RecordStream& out) {
  pb::Location entry;
  for (LocationId id = 1; id <= profile.locations().size(); ++id) {
    const Location& location = profile.locations().at(id);
    entry.Clear();
    entry.set_id(id);
    entry.set_address(location.address);
    if (profile.mappings().contains(location.mapping)) {
      entry.set_mapping_id(uses[location.mapping].id[has_names(location) ? 1 : 0]);
    }
    for (const Line& line : location.lines) {
      pb::Line* written = entry.add_line();
      written->set_function_id(line.function);
      written->set_line(line.line);
    }
    out.message(pb::Profile::kLocationFieldNumber, entry);
  }
}

void write_functions(const Profile& profile, Strings& strings, RecordStream& out) {
  pb::Function entry;
  for (FunctionId id = 1; id <= profile.functions().size(); ++id) {
    const Function& function = profile.functions().at(id);
    entry.set_id(id);
    entry.set_name(strings.index(function.name));
    entry.set_system_name(strings.index(function.system_name));
    entry.set_filename(strings.index(function.file));
    entry.set_start_line(function.start_line);
    out.message(pb::Profile::kFunctionFieldNumber, entry);
  }
}

void write_samples(const Profile& profile, Strings& strings, RecordStream& out) {
  pb::Sample entry;
  for (const Sample& sample : profile.samples()) {
    entry.Clear();
    if (profile.stacks().contains(sample.stack)) {
      const std::vector<LocationId>& stack = profile.stacks().at(sample.stack);
      entry.mutable_location_id()->Add(stack.begin(), stack.end());
    }
    for (std::size_t i = 0; i < profile.sample_types.size(); ++i) {
      entry.add_value(i < sample.values.size() ? sample.values[i] : 0);
    }
    if (profile.label_sets().contains(sample.labels)) {
      for (const Label& label : profile.label_sets().at(sample.labels)) {
        pb::Label* written = entry.add_label();
        written->set_key(strings.index(label.key));
        written->set_str(strings.index(label.text));
        written->set_num(label.number);
        written->set_num_unit(strings.index(label.unit));
      }
    }
    out.message(pb::Profile::kSampleFieldNumber, entry);
  }
}

pb::ValueType value_type(const ValueType& type, Strings& strings) {
  pb::ValueType entry;
  entry.set_type(strings.index(type.type));
  entry.set_unit(strings.index(type.unit));
  return entry;
}

}  // namespace

Result<std::string> write_pprof(const Profile& profile, const PprofOptions& options) {
  if (profile.sample_types.empty()) {
    return make_error("cannot write the profile as pprof", "it has no sample types");
  }
  RecordStream out(options);
  Strings strings;
  for (const ValueType& type : profile.sample_types) {
    out.message(pb::Profile::kSampleTypeFieldNumber, value_type(type, strings));
  }
  write_samples(profile, strings, out);
  std::vector<MappingUse> uses = find_uses(profile);
  write_mappings(profile, uses, strings, out);
  write_locations(profile, uses, out);
  write_functions(profile, strings, out);
  if (profile.period_type != ValueType{}) {
    out.message(pb::Profile::kPeriodTypeFieldNumber, value_type(profile.period_type, strings));
  }
  out.number(pb::Profile::kPeriodFieldNumber, profile.period);
  out.number(pb::Profile::kTimeNanosFieldNumber, profile.time.ns);
  out.number(pb::Profile::kDurationNanosFieldNumber, profile.duration.count());
  for (const std::string& comment : profile.comments) {
    if (!comment.empty()) {
      out.number(pb::Profile::kCommentFieldNumber, strings.index(comment));
    }
  }
  out.number(pb::Profile::kDefaultSampleTypeFieldNumber, strings.index(profile.default_sample_type));
  for (const std::string_view text : strings.table()) {
    out.text(pb::Profile::kStringTableFieldNumber, text);
  }
  return out.finish();
}

}  // namespace stoker::profile
