#include "exporters/directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/mapped_file.h"
#include "profile/pprof_reader.h"

namespace stoker::exporters {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kStart = 1'795'313'400 * kSecond;  // 2026-11-22T02:10:00Z

class DirectoryTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = fs::temp_directory_path() / "stoker-directory-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory = name;
  }
  void TearDown() override { fs::remove_all(directory); }

  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(directory)) {
      names.push_back(entry.path().filename());
    }
    std::ranges::sort(names);
    return names;
  }
  static profile::Profile window(int seconds) {
    profile::Profile p;
    p.sample_types = {{"samples", "count"}};
    p.time = {kStart + seconds * kSecond};
    p.duration = std::chrono::seconds(15);
    p.add_sample(p.add_stack(std::vector<profile::LocationId>{}), 0, std::vector<std::int64_t>{seconds + 1});
    return p;
  }

  std::string directory;
  metrics::Registry registry;
};

TEST_F(DirectoryTest, WritesOneReadableFileAWindow) {
  auto exporter = DirectoryExporter::open({.directory = directory}, registry);
  ASSERT_TRUE(exporter) << exporter.error().message();
  ASSERT_TRUE(exporter->write(window(0), {kStart}));
  ASSERT_TRUE(exporter->write(window(15), {kStart}));
  ASSERT_THAT(files(), ElementsAre("stoker-20261122T021000.000000000Z.pb.gz",
                                   "stoker-20261122T021015.000000000Z.pb.gz"));
  const auto bytes = read_file(directory + "/" + files()[1]);
  ASSERT_TRUE(bytes);
  const auto profile = profile::read_pprof(as_bytes(*bytes), "file");
  ASSERT_TRUE(profile);
  EXPECT_EQ(profile->total(0), 16);
}

TEST_F(DirectoryTest, OldFilesOfThisAndEarlierRunsAreRemoved) {
  const DirectoryExporter::Options options{.directory = directory, .max_age = std::chrono::seconds(60)};
  {
    auto earlier = DirectoryExporter::open(options, registry);
    ASSERT_TRUE(earlier);
    ASSERT_TRUE(earlier->write(window(0), {kStart}));
    ASSERT_TRUE(earlier->write(window(30), {kStart}));
  }
  auto exporter = DirectoryExporter::open(options, registry);
  ASSERT_TRUE(exporter);
  ASSERT_TRUE(exporter->write(window(75), {kStart + 80 * kSecond}));
  EXPECT_THAT(files(), ElementsAre("stoker-20261122T021030.000000000Z.pb.gz",
                                   "stoker-20261122T021115.000000000Z.pb.gz"));
}

TEST_F(DirectoryTest, TheOldestGoWhenAllAreTooLarge) {
  auto exporter = DirectoryExporter::open({.directory = directory, .max_bytes = 1}, registry);
  ASSERT_TRUE(exporter);
  ASSERT_TRUE(exporter->write(window(0), {kStart}));
  ASSERT_TRUE(exporter->write(window(15), {kStart}));
  EXPECT_THAT(files(), ElementsAre("stoker-20261122T021015.000000000Z.pb.gz"));
}

TEST_F(DirectoryTest, OtherPeoplesFilesAreLeftAlone) {
  const char* others[] = {"notes.txt", "stoker-20201122T021000.000000000Z.pb.gz.bak",
                          "stoker-20209922T021000.000000000Z.pb.gz", "stoker-profile.pb.gz"};
  for (const char* name : others) {
    std::ofstream(fs::path(directory) / name) << "x";
  }
  fs::create_symlink("notes.txt", fs::path(directory) / "stoker-20200101T000000.000000000Z.pb.gz");
  auto exporter = DirectoryExporter::open({.directory = directory, .max_bytes = 1}, registry);
  ASSERT_TRUE(exporter);
  ASSERT_TRUE(exporter->write(window(0), {kStart}));
  ASSERT_TRUE(exporter->write(window(15), {kStart}));
  EXPECT_EQ(files().size(), 6U);
}

TEST_F(DirectoryTest, AMissingDirectoryIsAnErrorAtTheStart) {
  EXPECT_FALSE(DirectoryExporter::open({.directory = directory + "/none"}, registry));
}

TEST_F(DirectoryTest, AWindowThatCannotBeWrittenIsAnErrorAndTheNextOneIsTried) {
  auto exporter = DirectoryExporter::open({.directory = directory}, registry);
  ASSERT_TRUE(exporter);
  fs::rename(directory, directory + "-away");
  EXPECT_FALSE(exporter->write(window(0), {kStart}));
  fs::rename(directory + "-away", directory);
  EXPECT_TRUE(exporter->write(window(15), {kStart}));
}

}  // namespace
}  // namespace stoker::exporters
