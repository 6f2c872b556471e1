#include "symbolize/finish_profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "symbolize/debug_files.h"
#include "tests/unit/symbolize/elf_builder.h"
#include "tests/unit/symbolize/temp_directory.h"

namespace stoker::symbolize {
namespace {

using profile::Mapping;
using testing::HasSubstr;

// A GNU build id note of these four bytes.
std::string build_id_note(const std::string& id) {
  return std::string("\x04\0\0\0\x04\0\0\0\x03\0\0\0GNU\0", 16) + id;
}
constexpr const char* kBuildId = "61626364";

ElfBuilder program() {
  return ElfBuilder()
      .symbols({{"_Z4workv", 0x1100, 16}, {"main", 0x1200, 16}})
      .section(".note.gnu.build-id", build_id_note("abcd"), 0, 0, SHT_NOTE);
}

class FinishProfile : public testing::Test {
 protected:
  FinishProfile() {
    from_.sample_types = {{"samples", "count"}};
    from_.comments = {"taken elsewhere"};
  }

  // A sample of one location without names.
  profile::LocationId sample(const Mapping& mapping, std::uint64_t address) {
    profile::Location location;
    location.mapping = from_.add_mapping(mapping);
    location.address = address;
    return sample(location);
  }
  profile::LocationId sample(const profile::Location& location) {
    const profile::LocationId id = from_.add_location(location);
    const std::int64_t one = 1;
    from_.add_sample(from_.add_stack({&id, 1}), from_.add_labels({{.key = "k", .text = "v", .unit = ""}}),
                     {&one, 1});
    return id;
  }
  FinishedProfile finish() {
    BinaryFinder files({directory_.path() + "/debug"});
    Symbolizer symbolizer({});
    return finish_profile(from_, files, symbolizer);
  }
  static std::string name(const FinishedProfile& finished, profile::LocationId id) {
    const profile::Location& location = finished.profile.locations().at(id);
    return location.lines.empty() ? ""
                                  : finished.profile.functions().at(location.lines.front().function).name;
  }

  TempDirectory directory_;
  profile::Profile from_;
};

TEST_F(FinishProfile, RunAddressesAndElfAddressesAreFoundByTheMapping) {
  const std::string path = directory_.write("x", program().bytes());
  const std::uint64_t offset = program().build()->executable_segments().front().offset.value;
  // As the kernel maps it, and as a profile has it whose mappings are segments.
  const Mapping run{.start = 0x7f0000000000, .limit = 0x7f0000010000, .path = path, .build_id = ""};
  const Mapping segment{
      .start = 0x1000, .limit = 0x2000, .file_offset = offset, .path = path, .build_id = kBuildId};
  const Mapping unknown{.path = path, .build_id = "61626364"};
  const auto a = sample(run, run.start + offset + 0x100);
  const auto b = sample(segment, 0x1204);
  const auto c = sample(unknown, 0x1108);
  const FinishedProfile finished = finish();
  EXPECT_EQ(name(finished, a), "work()");
  EXPECT_EQ(name(finished, b), "main");
  EXPECT_EQ(name(finished, c), "work()");
  EXPECT_EQ(finished.named, 3u);
  EXPECT_EQ(finished.unnamed, 0u);
  EXPECT_TRUE(finished.missing.empty());
}

TEST_F(FinishProfile, NamesThatAreThereStay) {
  const std::string path = directory_.write("x", program().bytes());
  profile::Location location;
  location.mapping = from_.add_mapping({.path = path, .build_id = ""});
  location.address = 0x1108;
  location.lines = {{from_.add_function({.name = "as it was", .system_name = "s", .file = "f.c"}), 7}};
  const auto id = sample(location);
  const FinishedProfile finished = finish();
  EXPECT_EQ(name(finished, id), "as it was");
  EXPECT_EQ(finished.profile.locations().at(id).lines.front().line, 7);
  EXPECT_EQ(finished.named + finished.unnamed, 0u);
}

TEST_F(FinishProfile, WhatStaysUnknownKeepsAddressBuildIdAndMapping) {
  const std::string path = directory_.write("x", program().bytes());
  const Mapping mapping{.start = 0x1000, .limit = 0x2000, .path = path, .build_id = kBuildId};
  const auto outside = sample(mapping, 0x9000);
  const Mapping kernel{.limit = ~std::uint64_t{0}, .path = "[kernel]", .build_id = ""};
  profile::Location in_kernel{.mapping = from_.add_mapping(kernel), .address = 0xffffffff81000000};
  in_kernel.kind = profile::FrameKind::kKernel;
  const auto other = sample(in_kernel);
  const FinishedProfile finished = finish();
  EXPECT_EQ(finished.unnamed, 2u);
  const profile::Location& kept = finished.profile.locations().at(outside);
  EXPECT_EQ(kept.address, 0x9000u);
  EXPECT_EQ(finished.profile.mappings().at(kept.mapping), mapping);
  EXPECT_EQ(finished.profile.locations().at(other).address, 0xffffffff81000000u);
}

TEST_F(FinishProfile, SamplesLabelsAndFactsAreCarriedOver) {
  sample({.path = "/nonexistent/x", .build_id = ""}, 0x10);
  const FinishedProfile finished = finish();
  ASSERT_EQ(finished.profile.samples().size(), 1u);
  const profile::Sample& sample = finished.profile.samples().front();
  EXPECT_EQ(sample.values, std::vector<std::int64_t>{1});
  EXPECT_EQ(finished.profile.label_sets().at(sample.labels).front().text, "v");
  EXPECT_EQ(finished.profile.stacks().at(sample.stack).size(), 1u);
  EXPECT_EQ(finished.profile.comments, from_.comments);
  EXPECT_EQ(finished.profile.sample_types, from_.sample_types);
}

TEST_F(FinishProfile, AMissingFileIsNamedOnce) {
  for (std::uint64_t address = 0; address < 10; ++address) {
    sample({.path = "/nonexistent/x", .build_id = ""}, address);
  }
  const FinishedProfile finished = finish();
  EXPECT_EQ(finished.unnamed, 10u);
  ASSERT_EQ(finished.missing.size(), 1u);
  EXPECT_THAT(finished.missing.front().message(), HasSubstr("/nonexistent/x"));
}

TEST_F(FinishProfile, AnotherFileUnderThePathIsNotUsed) {
  const std::string path = directory_.write("x", program().bytes());
  const auto id = sample({.path = path, .build_id = "0badcafe"}, 0x1108);
  const FinishedProfile finished = finish();
  EXPECT_EQ(name(finished, id), "");
  ASSERT_EQ(finished.missing.size(), 1u);
  EXPECT_THAT(finished.missing.front().message(), HasSubstr("build id is not 0badcafe"));
}

TEST_F(FinishProfile, ADebugFileStandsInForAFileThatIsGone) {
  const std::string debug = build_id_path(directory_.path() + "/debug", kBuildId);
  std::filesystem::create_directories(std::filesystem::path(debug).parent_path());
  std::filesystem::rename(directory_.write("x", program().bytes()), debug);
  const auto id = sample({.path = "/gone/x", .build_id = "61626364"}, 0x1108);
  EXPECT_EQ(name(finish(), id), "work()");
}

TEST_F(FinishProfile, AHostilePathOrBuildIdFindsNothingAndWaitsForNothing) {
  const std::string fifo = directory_.path() + "/fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  sample({.path = fifo, .build_id = "../../../etc/passwd"}, 0x1108);
  sample({.path = "relative", .build_id = ""}, 0x1108);
  sample({.start = 5, .limit = 1, .file_offset = ~std::uint64_t{0}, .path = "/dev/zero", .build_id = ""},
         ~std::uint64_t{0});
  const FinishedProfile finished = finish();
  EXPECT_EQ(finished.unnamed, 3u);
  EXPECT_EQ(finished.missing.size(), 2u);
}

}  // namespace
}  // namespace stoker::symbolize
