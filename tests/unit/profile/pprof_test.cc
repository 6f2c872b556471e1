#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "profile.pb.h"
#include "profile/frame_kind.h"
#include "profile/gzip.h"
#include "profile/pprof_reader.h"
#include "profile/pprof_writer.h"
#include "profile/text.h"
#include "sample_profile.h"

namespace stoker::profile {
namespace {

namespace pb = perftools::profiles;
using test::add_named;
using test::small_profile;
using testing::ElementsAre;
using testing::HasSubstr;

pb::Profile written(const Profile& profile) {
  pb::Profile parsed;
  EXPECT_TRUE(parsed.ParseFromString(write_pprof(profile, {.gzip = false}).value()));
  return parsed;
}

std::string why_not(const pb::Profile& file, const PprofLimits& limits = {}) {
  const auto read = read_pprof(as_bytes(file.SerializeAsString()), "x", limits);
  return read ? "" : read.error().message();
}

TEST(PprofWriter, WritesTheFactsOfTheProfile) {
  const pb::Profile file = written(small_profile());
  const auto text = [&](std::int64_t index) { return file.string_table(static_cast<int>(index)); };
  EXPECT_EQ(file.string_table(0), "");
  EXPECT_EQ(text(file.sample_type(1).type()), "cpu");
  EXPECT_EQ(text(file.period_type().unit()), "nanoseconds");
  EXPECT_EQ(file.period(), 10);
  EXPECT_EQ(file.time_nanos(), 1'700'000'000'000'000'000);
  EXPECT_EQ(file.duration_nanos(), 100);
  EXPECT_EQ(text(file.default_sample_type()), "cpu");
  ASSERT_EQ(file.comment_size(), 2);
  EXPECT_EQ(text(file.comment(1)), "second");
}

TEST(PprofWriter, GivesABinaryWithNamedAndUnnamedLocationsTwoMappings) {
  const pb::Profile file = written(small_profile());
  ASSERT_EQ(file.mapping_size(), 2);
  EXPECT_TRUE(file.mapping(0).has_functions());
  EXPECT_TRUE(file.mapping(0).has_filenames());
  EXPECT_TRUE(file.mapping(0).has_line_numbers());
  EXPECT_TRUE(file.mapping(0).has_inline_frames());
  EXPECT_FALSE(file.mapping(1).has_functions());
  EXPECT_EQ(file.mapping(0).build_id(), file.mapping(1).build_id());
  EXPECT_EQ(file.mapping(1).memory_start(), 0x1000u);
  for (const pb::Location& location : file.location()) {
    EXPECT_EQ(location.mapping_id(), location.line_size() > 0 ? 1u : 2u);
  }
}

TEST(PprofWriter, WritesInlinedCallsInnermostFirst) {
  const pb::Profile file = written(small_profile());
  const pb::Location& work = file.location(1);
  ASSERT_EQ(work.line_size(), 2);
  const pb::Function& inner = file.function(static_cast<int>(work.line(0).function_id()) - 1);
  EXPECT_EQ(file.string_table(static_cast<int>(inner.name())), "inlined");
  EXPECT_EQ(inner.start_line(), 3);
  EXPECT_EQ(work.line(0).line(), 12);
  EXPECT_EQ(file.sample(0).location_id(0), 2u);  // leaf first
}

TEST(PprofWriter, MendsWhatIsNoUtf8) {
  Profile profile = small_profile();
  const std::int64_t one[] = {1, 1};
  profile.add_sample(
      profile.add_stack(std::vector{add_named(profile, 0, 0, {"bad \xff\xc0\x80\xed\xa0\x80 name"})}), 0,
      one);
  for (const std::string& text : written(profile).string_table()) {
    EXPECT_TRUE(is_valid_utf8(text)) << text;
  }
}

TEST(PprofWriter, RefusesAProfileWithoutSampleTypes) {
  EXPECT_FALSE(write_pprof(Profile{}));
}

TEST(PprofReader, GivesBackWhatWasWritten) {
  const Profile profile = small_profile();
  for (const bool gzip : {true, false}) {
    const std::string file = write_pprof(profile, {.gzip = gzip}).value();
    EXPECT_EQ(is_gzip(as_bytes(file)), gzip);
    const auto read = read_pprof(as_bytes(file), "x");
    ASSERT_TRUE(read) << read.error().message();
    EXPECT_EQ(read->sample_types, profile.sample_types);
    EXPECT_EQ(read->comments, profile.comments);
    EXPECT_EQ(read->duration, profile.duration);
    EXPECT_EQ(read->time, profile.time);
    ASSERT_EQ(read->samples().size(), 2u);
    EXPECT_EQ(read->label_sets().at(read->samples()[0].labels), profile.label_sets().at(1));
    EXPECT_EQ(read->total(1), 40);
    // Once split in two mappings, the profile stays as it is.
    EXPECT_EQ(write_pprof(*read, {.gzip = gzip}).value(), file);
  }
}

TEST(PprofReader, TakesEntriesInAnyOrderAndForeignIds) {
  pb::Profile tables;
  tables.add_string_table("");
  tables.add_string_table("f");
  tables.add_sample_type()->set_type(1);
  pb::Profile rest;
  pb::Location* location = rest.add_location();
  location->set_id(1ull << 60);
  location->add_line()->set_function_id(99);
  rest.add_function()->set_id(99);
  rest.mutable_function(0)->set_name(1);
  rest.add_sample()->add_location_id(1ull << 60);
  rest.mutable_sample(0)->add_value(5);
  const auto read = read_pprof(as_bytes(rest.SerializeAsString() + tables.SerializeAsString()), "x");
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(frame_name(*read, read->locations().at(1), 0), "f");
}

pb::Profile good_file() {
  pb::Profile file = written(small_profile());
  EXPECT_EQ(why_not(file), "");
  return file;
}

TEST(PprofReader, NamesWhatIsWrongWithAFile) {
  pb::Profile file = good_file();
  file.mutable_function(0)->set_name(4000);
  EXPECT_THAT(why_not(file), HasSubstr("string 4000 of"));
  file = good_file();
  file.mutable_function(0)->set_name(-1);
  EXPECT_THAT(why_not(file), HasSubstr("string -1 of"));
  file = good_file();
  file.mutable_sample(0)->set_location_id(0, 77);
  EXPECT_THAT(why_not(file), HasSubstr("location id 77 is not in the file"));
  file = good_file();
  file.mutable_location(0)->set_id(0);
  EXPECT_THAT(why_not(file), HasSubstr("location id 0 is not allowed"));
  file = good_file();
  file.mutable_location(0)->set_id(2);
  EXPECT_THAT(why_not(file), HasSubstr("location id 2 occurs twice"));
  file = good_file();
  file.mutable_location(0)->set_mapping_id(9);
  EXPECT_THAT(why_not(file), HasSubstr("mapping id 9"));
  file = good_file();
  file.mutable_sample(0)->add_value(1);
  EXPECT_THAT(why_not(file), HasSubstr("a sample has 3 values where there are 2 sample types"));
  file = good_file();
  file.clear_sample_type();
  EXPECT_THAT(why_not(file), HasSubstr("no sample types"));
  file = good_file();
  file.set_string_table(0, "x");
  EXPECT_THAT(why_not(file), HasSubstr("string table"));
}

TEST(PprofReader, FailsOnEachCutOfAFileOrReadsAWholePart) {
  const std::string gzipped = write_pprof(small_profile()).value();
  for (std::size_t size = 0; size < gzipped.size(); ++size) {
    EXPECT_FALSE(read_pprof(as_bytes(std::string_view(gzipped).substr(0, size)), "x")) << size;
  }
  EXPECT_FALSE(read_pprof(as_bytes("<html>not a profile</html>"), "x"));
}

TEST(PprofReader, StopsAtItsLimits) {
  Profile zeros = small_profile();
  zeros.comments = {std::string(1 << 20, 'a')};
  const std::string file = write_pprof(zeros).value();
  ASSERT_LT(file.size(), 20'000u);
  const auto bomb = read_pprof(as_bytes(file), "x", {.unpacked = 1 << 16});
  ASSERT_FALSE(bomb);
  EXPECT_THAT(bomb.error().message(), HasSubstr("more than 65536 bytes"));

  // One long name that many functions share.
  pb::Profile shared = good_file();
  shared.add_string_table(std::string(1 << 16, 'n'));
  for (int i = 0; i < 100; ++i) {
    pb::Function* function = shared.add_function();
    function->set_id(1000 + static_cast<std::uint64_t>(i));
    function->set_name(shared.string_table_size() - 1);
    function->set_start_line(i);
  }
  EXPECT_THAT(why_not(shared, {.text = 1 << 20}), HasSubstr("names of more than"));
  EXPECT_EQ(why_not(shared), "");
}

TEST(FrameKind, IsInferredFromMappingAndName) {
  EXPECT_EQ(infer_kind("[kernel.kallsyms]", 1, ""), FrameKind::kKernel);
  EXPECT_EQ(infer_kind("[ext4]", 0xffffffffc0000000, "ext4_write"), FrameKind::kKernel);
  EXPECT_EQ(infer_kind("[python]", 0, "f"), FrameKind::kRuntime);
  EXPECT_EQ(infer_kind("[vdso]", 0x1000, "gettime"), FrameKind::kNative);
  EXPECT_EQ(infer_kind("", 0, "[cut: loop]"), FrameKind::kMarker);
  EXPECT_EQ(infer_kind("/bin/a", 0, "[x"), FrameKind::kNative);
}

Profile many_samples() {
  Profile profile = small_profile();
  for (int i = 0; i < 500; ++i) {
    const LocationId leaf =
        add_named(profile, 1, 0x2000 + static_cast<std::uint64_t>(i), {"f" + std::to_string(i)});
    const std::int64_t values[] = {1, 10};
    const LabelSetId labels = profile.add_labels({{.key = "tid", .number = i % 3}});
    profile.add_sample(profile.add_stack(std::vector<LocationId>{leaf, 1}), labels, values);
  }
  return profile;
}

TEST(PprofSizeBound, IsAtLeastTheRealSizeAndNotMuchMore) {
  for (const Profile& profile : {small_profile(), many_samples(), Profile{}}) {
    if (!profile.sample_types.empty()) {
      const std::size_t real = write_pprof(profile, {.gzip = false}).value().size();
      EXPECT_GE(pprof_size_bound(profile), real);
      EXPECT_LE(pprof_size_bound(profile), real * 4);
    }
  }
}

TEST(Split, PartsKeepTheirLimitsAndTogetherAreTheWhole) {
  const Profile profile = many_samples();
  const std::vector<Profile> parts = split(profile, 8000, 90);
  EXPECT_GT(parts.size(), 5u);
  std::int64_t sum = 0;
  for (const Profile& part : parts) {
    EXPECT_LE(part.samples().size(), 90u);
    EXPECT_LE(write_pprof(part, {.gzip = false}).value().size(), 8000u);
    EXPECT_EQ(part.time, profile.time);
    sum += part.total(1);
  }
  EXPECT_EQ(sum, profile.total(1));
}

TEST(Split, AnOversizeSampleGetsAPartOfItsOwn) {
  const std::vector<Profile> parts = split(many_samples(), 1, 0);
  EXPECT_EQ(parts.size(), many_samples().samples().size());
  EXPECT_EQ(split(Profile{}, 100, 100).size(), 1u);
}

}  // namespace
}  // namespace stoker::profile
