#include "profile/pprof_reader.h"

#include <fmt/format.h>

#include <limits>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/byte_reader.h"
#include "profile.pb.h"
#include "profile/frame_kind.h"
#include "profile/gzip.h"

namespace stoker::profile {
namespace {

namespace pb = perftools::profiles;

// One field of the outermost message: a number, or the bytes of a text, message or packed list.
struct Field {
  std::uint64_t number = 0;
  bool is_bytes = false;
  std::uint64_t value = 0;
  ByteView bytes;
};

// Protobuf's wire types (encoding.md); groups (3, 4) are not used by pprof and fail.
Field read_field(ByteReader& reader) {
  Field field;
  const std::uint64_t tag = reader.uleb();
  field.number = tag >> 3;
  switch (tag & 7) {
    case 0:
      field.value = reader.uleb();
      break;
    case 1:
      field.value = reader.u64();
      break;
    case 2:
      field.is_bytes = true;
      field.bytes = reader.take(reader.uleb());
      break;
    case 5:
      field.value = reader.u32();
      break;
    default:
      reader.fail();
  }
  return field;
}

// Entries may come in any order in the file, so that it is gone through once for each table that others refer
// to.
class PprofReader {
 public:
  PprofReader(ByteView bytes, const PprofLimits& limits, std::string what)
      : bytes_(bytes), limits_(limits), what_(std::move(what)) {}

  Result<Profile> read() {
    pass(&PprofReader::strings_and_facts);
    resolve_facts();
    pass(&PprofReader::mappings_and_functions);
    pass(&PprofReader::locations);
    pass(&PprofReader::samples);
    if (!why_.empty()) {
      return make_error(what_, why_);
    }
    return std::move(profile_);
  }

 private:
  using IdMap = std::unordered_map<std::uint64_t, std::uint32_t>;

  // Calls step for each field of the file, until something fails.
  void pass(void (PprofReader::*step)(const Field&)) {
    ByteReader reader(bytes_);
    while (why_.empty() && !reader.at_end()) {
      const Field field = read_field(reader);
      if (!reader.ok()) {
        fail(fmt::format("it is no pprof file, or it is cut short, at byte {}", reader.position()));
        return;
      }
      (this->*step)(field);
    }
  }

  void fail(std::string why) {
    if (why_.empty()) {
      why_ = std::move(why);
    }
  }

  template <typename Message>
  bool parse(const Field& field, Message& message) {
    if (field.bytes.size() > limits_.record) {
      fail(fmt::format("an entry has {} bytes, at most {} are taken", field.bytes.size(), limits_.record));
      return false;
    }
    if (!field.is_bytes ||
        !message.ParseFromArray(field.bytes.data(), static_cast<int>(field.bytes.size()))) {
      fail(fmt::format("a broken entry in field {}", field.number));
      return false;
    }
    return true;
  }

  std::string text(std::int64_t index) {
    if (index < 0 || static_cast<std::uint64_t>(index) >= strings_.size()) {
      fail(fmt::format("string {} of {}", index, strings_.size()));
      return {};
    }
    const std::string_view found = strings_[static_cast<std::size_t>(index)];
    if (found.size() > limits_.text - text_used_) {
      fail(fmt::format("names of more than {} bytes together", limits_.text));
      return {};
    }
    text_used_ += found.size();
    return std::string(found);
  }

  ValueType value_type(const pb::ValueType& type) {
    std::string name = text(type.type());
    return {std::move(name), text(type.unit())};
  }

  // Notes that the file's id is ours; what names the table in messages.
  void remember(IdMap& ids, std::uint64_t id, std::uint32_t ours, const char* what) {
    if (id == 0 || !ids.try_emplace(id, ours).second) {
      fail(fmt::format("{} id {} {}", what, id, id == 0 ? "is not allowed" : "occurs twice"));
    }
  }

  std::uint32_t look_up(const IdMap& ids, std::uint64_t id, const char* what) {
    const auto found = ids.find(id);
    if (found == ids.end()) {
      fail(fmt::format("{} id {} is not in the file", what, id));
      return 0;
    }
    return found->second;
  }

  void strings_and_facts(const Field& field);
  void resolve_facts();
  void mappings_and_functions(const Field& field);
  void locations(const Field& field);
  void samples(const Field& field);

  ByteView bytes_;
  const PprofLimits& limits_;
  std::string what_;
  std::string why_;  // the first failure; the others follow from it

  Profile profile_;
  std::vector<std::string_view> strings_;
  std::size_t text_used_ = 0;
  std::vector<pb::ValueType> sample_types_;
  pb::ValueType period_type_;
  std::vector<std::int64_t> comments_;
  std::int64_t default_sample_type_ = 0;
  IdMap mappings_;
  IdMap functions_;
  IdMap locations_;
  // Kept between entries for their memory.
  pb::Sample sample_;
  pb::Location location_;
  pb::Function function_;
  pb::Mapping mapping_;
  std::vector<LocationId> stack_;
};

void PprofReader::strings_and_facts(const Field& field) {
  const auto number = static_cast<std::int64_t>(field.value);
  switch (field.number) {
    case pb::Profile::kStringTableFieldNumber:
      strings_.push_back(as_text(field.bytes));
      break;
    case pb::Profile::kSampleTypeFieldNumber:
      // Each sample has a value for each: thousands of types are an attack.
      if (sample_types_.size() >= 64) {
        fail("more than 64 sample types");
      } else {
        parse(field, sample_types_.emplace_back());
      }
      break;
    case pb::Profile::kPeriodTypeFieldNumber:
      parse(field, period_type_);
      break;
    case pb::Profile::kPeriodFieldNumber:
      profile_.period = number;
      break;
    case pb::Profile::kTimeNanosFieldNumber:
      profile_.time = WallTime{number};
      break;
    case pb::Profile::kDurationNanosFieldNumber:
      profile_.duration = Nanoseconds(number);
      break;
    case pb::Profile::kDefaultSampleTypeFieldNumber:
      default_sample_type_ = number;
      break;
    case pb::Profile::kCommentFieldNumber: {
      ByteReader packed(field.bytes);
      while (field.is_bytes && packed.ok() && !packed.at_end()) {
        comments_.push_back(static_cast<std::int64_t>(packed.uleb()));
      }
      if (!field.is_bytes) {
        comments_.push_back(number);
      }
      if (!packed.ok()) {
        fail("a broken list of comments");
      }
      break;
    }
    default:
      break;
  }
}

void PprofReader::resolve_facts() {
  if (!why_.empty()) {
    return;
  }
  if (sample_types_.empty()) {
    fail("it has no sample types");
    return;
  }
  if (strings_.empty() || !strings_[0].empty()) {
    fail("its string table does not begin with an empty string");
    return;
  }
  for (const pb::ValueType& type : sample_types_) {
    profile_.sample_types.push_back(value_type(type));
  }
  profile_.period_type = value_type(period_type_);
  profile_.default_sample_type = text(default_sample_type_);
  for (const std::int64_t comment : comments_) {
    profile_.comments.push_back(text(comment));
  }
}

void PprofReader::mappings_and_functions(const Field& field) {
  if (field.number == pb::Profile::kMappingFieldNumber && parse(field, mapping_)) {
    Mapping mapping;
    mapping.start = mapping_.memory_start();
    mapping.limit = mapping_.memory_limit();
    mapping.file_offset = mapping_.file_offset();
    mapping.path = text(mapping_.filename());
    mapping.build_id = text(mapping_.build_id());
    mapping.has_functions = mapping_.has_functions();
    mapping.has_filenames = mapping_.has_filenames();
    mapping.has_line_numbers = mapping_.has_line_numbers();
    mapping.has_inline_frames = mapping_.has_inline_frames();
    remember(mappings_, mapping_.id(), profile_.add_mapping(mapping), "mapping");
  } else if (field.number == pb::Profile::kFunctionFieldNumber && parse(field, function_)) {
    Function function;
    function.name = text(function_.name());
    function.system_name = text(function_.system_name());
    function.file = text(function_.filename());
    function.start_line = function_.start_line();
    remember(functions_, function_.id(), profile_.add_function(function), "function");
  }
}

void PprofReader::locations(const Field& field) {
  if (field.number != pb::Profile::kLocationFieldNumber || !parse(field, location_)) {
    return;
  }
  Location location;
  location.address = location_.address();
  if (location_.mapping_id() != 0) {
    location.mapping = look_up(mappings_, location_.mapping_id(), "mapping");
  }
  for (const pb::Line& line : location_.line()) {
    location.lines.push_back({look_up(functions_, line.function_id(), "function"), line.line()});
  }
  if (!why_.empty()) {
    return;
  }
  const std::string_view path =
      location.mapping == 0 ? std::string_view() : profile_.mappings().at(location.mapping).path;
  const std::string_view innermost =
      location.lines.empty() ? std::string_view() : profile_.functions().at(location.lines[0].function).name;
  location.kind = infer_kind(path, location.address, innermost);
  remember(locations_, location_.id(), profile_.add_location(location), "location");
}

void PprofReader::samples(const Field& field) {
  if (field.number != pb::Profile::kSampleFieldNumber || !parse(field, sample_)) {
    return;
  }
  if (static_cast<std::size_t>(sample_.value_size()) != profile_.sample_types.size()) {
    fail(fmt::format("a sample has {} values where there are {} sample types", sample_.value_size(),
                     profile_.sample_types.size()));
    return;
  }
  stack_.clear();
  for (const std::uint64_t id : sample_.location_id()) {
    stack_.push_back(look_up(locations_, id, "location"));
  }
  LabelSet labels;
  for (const pb::Label& label : sample_.label()) {
    Label copy;
    copy.key = text(label.key());
    copy.text = text(label.str());
    copy.number = label.num();
    copy.unit = text(label.num_unit());
    labels.push_back(std::move(copy));
  }
  if (why_.empty()) {
    const std::vector<std::int64_t> values(sample_.value().begin(), sample_.value().end());
    profile_.add_sample(profile_.add_stack(stack_), profile_.add_labels(labels), values);
  }
}

}  // namespace

Result<Profile> read_pprof(ByteView bytes, const std::string& name, const PprofLimits& limits) {
  const std::string what = "cannot read profile " + name;
  if (!is_gzip(bytes)) {
    return PprofReader(bytes, limits, what).read();
  }
  auto unpacked = gunzip(bytes, limits.unpacked, what);
  if (!unpacked) {
    return std::unexpected(unpacked.error());
  }
  return PprofReader(as_bytes(*unpacked), limits, what).read();
}

}  // namespace stoker::profile
