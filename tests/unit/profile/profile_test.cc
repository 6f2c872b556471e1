#include "profile/profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "profile/merge.h"
#include "profile/process.h"
#include "sample_profile.h"

namespace stoker::profile {
namespace {

using test::small_profile;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(Profile, EqualThingsAreStoredOnceAndIdsRunFromOne) {
  Profile profile;
  EXPECT_EQ(profile.add_function({.name = "a"}), 1u);
  EXPECT_EQ(profile.add_function({.name = "b"}), 2u);
  EXPECT_EQ(profile.add_function({.name = "a"}), 1u);
  EXPECT_EQ(profile.functions().size(), 2u);
  EXPECT_EQ(profile.functions().at(2).name, "b");
}

TEST(Profile, TablesKeepTheirIdsWhileTheyGrow) {
  Profile profile;
  for (std::uint32_t i = 1; i <= 5000; ++i) {
    ASSERT_EQ(profile.add_location({.address = i}), i);
  }
  for (std::uint32_t i = 1; i <= 5000; ++i) {
    ASSERT_EQ(profile.add_location({.address = i}), i);
  }
}

TEST(Profile, LabelsInAnyOrderAreOneSetAndNoLabelsAreNone) {
  Profile profile;
  const LabelSetId set = profile.add_labels({{.key = "a", .text = "1"}, {.key = "b", .text = "2"}});
  EXPECT_EQ(profile.add_labels({{.key = "b", .text = "2"}, {.key = "a", .text = "1"}}), set);
  EXPECT_EQ(profile.add_labels({}), 0u);
}

TEST(Profile, ValuesOfTheSameStackAndLabelsAddUp) {
  Profile profile = small_profile();
  const Sample first = profile.samples()[0];
  const std::int64_t more[] = {1, 10};
  profile.add_sample(first.stack, first.labels, more);
  profile.add_sample(first.stack, 0, more);
  EXPECT_EQ(profile.samples().size(), 3u);
  EXPECT_THAT(profile.samples()[0].values, ElementsAre(4, 40));
  EXPECT_EQ(profile.total(1), 60);
}

TEST(Profile, SumsStopAtTheLargestNumber) {
  Profile profile;
  const std::int64_t huge[] = {std::numeric_limits<std::int64_t>::max()};
  profile.add_sample(1, 0, huge);
  profile.add_sample(1, 0, huge);
  profile.add_sample(2, 0, huge);
  EXPECT_EQ(profile.total(0), std::numeric_limits<std::int64_t>::max());
}

TEST(Profile, TheDefaultValueIsTheNamedTypeElseTheLast) {
  Profile profile = small_profile();
  profile.default_sample_type = "samples";
  EXPECT_EQ(profile.default_value_index(), 0u);
  profile.default_sample_type = "nothing";
  EXPECT_EQ(profile.default_value_index(), 1u);
}

TEST(FrameName, OfALocationWithoutLinesIsItsFileAndAddress) {
  const Profile profile = small_profile();
  EXPECT_EQ(frame_name(profile, profile.locations().at(3), 0), "app+0x1030");
  EXPECT_EQ(frame_name(profile, profile.locations().at(2), 0), "inlined");
  EXPECT_EQ(frame_name(profile, Location{}, 0), "[unknown]");
}

TEST(ProcessName, ComesFromTextAndNumberLabels) {
  Profile profile;
  const auto name = [&](const LabelSet& labels) { return process_name(profile, profile.add_labels(labels)); };
  EXPECT_EQ(name({{.key = "pid", .number = 7}, {.key = "process", .text = "app"}}), "app (7)");
  EXPECT_EQ(name({{.key = "pid", .text = "8"}}), "pid 8");
  EXPECT_EQ(name({{.key = "comm", .text = "sh"}}), "sh");
  EXPECT_EQ(name({{.key = "thread", .text = "x"}}), "");
}

TEST(Merge, AddsSamplesOfEqualStacksAndJoinsTheWindows) {
  Profile into;
  ASSERT_TRUE(merge(into, small_profile()));
  Profile later = small_profile();
  later.time.ns += 100;
  later.comments = {"second", "third"};
  ASSERT_TRUE(merge(into, later));
  EXPECT_EQ(into.samples().size(), 2u);
  EXPECT_EQ(into.functions().size(), 3u);
  EXPECT_EQ(into.total(0), 8);
  EXPECT_EQ(into.time.ns, small_profile().time.ns);
  EXPECT_EQ(into.duration.count(), 200);
  EXPECT_EQ(into.period, 10);
  EXPECT_THAT(into.comments, ElementsAre("first", "second", "third"));
}

TEST(Merge, OfDifferentSampleTypesIsAnErrorAndChangesNothing) {
  Profile into = small_profile();
  Profile other = small_profile();
  other.sample_types[1].type = "off-cpu";
  const auto merged = merge(into, other);
  ASSERT_FALSE(merged);
  EXPECT_THAT(merged.error().message(), HasSubstr("off-cpu/nanoseconds"));
  EXPECT_EQ(into.total(0), 4);
}

TEST(Filter, KeepsOnlyWhatTheKeptSamplesNeed) {
  const Profile profile = small_profile();
  const Profile kept = filter(profile, [](const Sample& sample) { return sample.labels == 0; });
  EXPECT_EQ(kept.samples().size(), 1u);
  EXPECT_EQ(kept.locations().size(), 2u);
  EXPECT_EQ(kept.functions().size(), 1u);
  EXPECT_EQ(kept.label_sets().size(), 0u);
  EXPECT_EQ(kept.time, profile.time);
}

TEST(Diff, IsAfterMinusBeforeWithoutWhatStayedTheSame) {
  const Profile before = small_profile();
  Profile after = small_profile();
  const std::int64_t more[] = {5, 50};
  after.add_sample(after.samples()[1].stack, 0, more);
  const auto changed = diff(before, after);
  ASSERT_TRUE(changed);
  ASSERT_EQ(changed->samples().size(), 1u);
  EXPECT_THAT(changed->samples()[0].values, ElementsAre(5, 50));
  const auto back = diff(after, before);
  ASSERT_TRUE(back);
  EXPECT_THAT(back->samples()[0].values, ElementsAre(-5, -50));
}

}  // namespace
}  // namespace stoker::profile
