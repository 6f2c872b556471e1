// What `agent record` leaves behind, however it ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/mapped_file.h"
#include "profile/pprof_reader.h"
#include "tests/bpf/process.h"

namespace stoker::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class Record : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) {
      GTEST_SKIP() << "needs root";
    }
  }
  static std::string until_recording(Process& agent) {
    while (agent.errors().find("recording at") == std::string::npos && agent.wait(0) == -1) {
      ::usleep(5000);
    }
    return agent.errors();
  }
  static std::int64_t samples_in(const std::string& path) {
    const auto file = MappedFile::open(path);
    EXPECT_TRUE(file) << path;
    const auto read = file ? profile::read_pprof(file->bytes(), path) : make_error("not there");
    EXPECT_TRUE(read) << read.error().message();
    return read ? read->total(0) : -1;
  }
  // All that is in the directory, one name a line.
  std::string listing() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(directory_.path())) {
      names.push_back(entry.path().filename());
    }
    std::ranges::sort(names);
    std::string text;
    for (const std::string& name : names) {
      text += name + "\n";
    }
    return text;
  }

  TemporaryDirectory directory_;
};

const std::vector<std::string> kEndings{".pb.gz", ".pb", ".html", ".folded", ".speedscope.json", ".svg"};

TEST_F(Record, WritesEveryFormatAtOnce) {
  std::vector<std::string> arguments{program("agent"), "record", "-d", "20s", "-F", "199"};
  for (const std::string& ending : kEndings) {
    arguments.insert(arguments.end(), {"-o", directory_ / ("x" + ending)});
  }
  arguments.insert(arguments.end(), {"--", target("chain"), "0.5"});
  Process agent(arguments);
  ASSERT_EQ(agent.wait(), 0) << agent.errors();
  EXPECT_THAT(agent.output(), HasSubstr("middle()"));
  EXPECT_THAT(agent.errors(), HasSubstr("ended after"));
  for (const std::string& ending : kEndings) {
    EXPECT_GT(fs::file_size(directory_ / ("x" + ending)), 100u) << ending;
  }
  EXPECT_GT(samples_in(directory_ / "x.pb.gz"), 50);
  EXPECT_EQ(samples_in(directory_ / "x.pb.gz"), samples_in(directory_ / "x.pb"));
  EXPECT_EQ(listing(), "x.folded\nx.html\nx.pb\nx.pb.gz\nx.speedscope.json\nx.svg\n")
      << "nothing else is left";

  Process report({program("agent"), "report", directory_ / "x.pb.gz"});
  EXPECT_EQ(report.wait(), 0);
  EXPECT_THAT(report.output(), HasSubstr("outer()"));
}

TEST_F(Record, AProcessWithoutCpuTimeGivesValidEmptyFilesOfEveryFormat) {
  const Process sleeper({target("sleeper"), "60"});
  ::usleep(200'000);
  std::vector<std::string> arguments{program("agent"), "record", "-d",
                                     "400ms",          "--pid",  std::to_string(sleeper.pid())};
  for (const std::string& ending : kEndings) {
    arguments.insert(arguments.end(), {"-o", directory_ / ("x" + ending)});
  }
  Process agent(arguments);
  ASSERT_EQ(agent.wait(), 0) << agent.errors();
  EXPECT_THAT(agent.errors(), HasSubstr("used no CPU"));
  EXPECT_EQ(samples_in(directory_ / "x.pb.gz"), 0);
  for (const std::string& ending : kEndings) {
    EXPECT_TRUE(fs::exists(directory_ / ("x" + ending))) << ending;
  }
}

TEST_F(Record, AKernelThreadCanBeRecorded) {
  Process agent({program("agent"), "record", "-d", "300ms", "--pid", "2", "-o", directory_ / "x.pb.gz"});
  EXPECT_EQ(agent.wait(), 0) << agent.errors();
  EXPECT_GE(samples_in(directory_ / "x.pb.gz"), 0);
}

TEST_F(Record, ATargetThatEndsEndsTheRecording) {
  const Process first({target("chain"), "0.3"});
  Process agent({program("agent"), "record", "-d", "100s", "--pid", std::to_string(first.pid()), "-o",
                 directory_ / "x.pb.gz"});
  EXPECT_EQ(agent.wait(60), 0) << agent.errors();
}

TEST_F(Record, ATargetThatDiesAtOnceIsNoCrash) {
  for (int i = 0; i < 5; ++i) {
    Process brief({"/bin/true"});
    Process agent({program("agent"), "record", "-d", "300ms", "--pid", std::to_string(brief.pid()), "-o",
                   directory_ / "x.pb.gz"});
    ::usleep(static_cast<useconds_t>(i) * 3000);
    EXPECT_EQ(brief.wait(), 0);
    const int code = agent.wait(60);
    EXPECT_TRUE(code == 0 || code == 1) << agent.errors();
  }
}

TEST_F(Record, CtrlCKeepsWhatWasCollected) {
  const Process busy({target("chain"), "60"});
  Process agent({program("agent"), "record", "-d", "100s", "--pid", std::to_string(busy.pid()), "-o",
                 directory_ / "x.pb.gz"});
  until_recording(agent);
  ::usleep(800'000);
  agent.signal(SIGINT);
  EXPECT_EQ(agent.wait(30), 0) << agent.errors();
  EXPECT_GT(samples_in(directory_ / "x.pb.gz"), 10);
}

TEST_F(Record, ASecondCtrlCStopsAtOnceAndLeavesNoFile) {
  const Process busy({target("chain"), "60"});
  Process agent({program("agent"), "record", "-d", "100s", "--all", "-o", directory_ / "x.pb.gz"});
  until_recording(agent);
  ::usleep(300'000);
  // Between them the agent cannot run.
  agent.signal(SIGSTOP);
  agent.signal(SIGINT);
  agent.signal(SIGTERM);
  agent.signal(SIGCONT);
  EXPECT_EQ(agent.wait(30), 1) << agent.errors();
  EXPECT_EQ(listing(), "");
}

TEST_F(Record, CtrlCIsForTheCommandToo) {
  Process agent({"setsid", program("agent"), "record", "-d", "100s", "-o", directory_ / "x.pb.gz", "--",
                 target("chain"), "60"});
  until_recording(agent);
  ::usleep(500'000);
  ::kill(-agent.pid(), SIGINT);  // as a terminal sends it
  EXPECT_EQ(agent.wait(30), 0) << agent.errors();
  EXPECT_GT(samples_in(directory_ / "x.pb.gz"), 5);
}

TEST_F(Record, AFullDiskLeavesNoPartialFile) {
  ASSERT_EQ(::mount("stoker-test", directory_.path().c_str(), "tmpfs", 0, "size=16k"), 0);
  Process agent(
      {program("agent"), "record", "-d", "60s", "-o", directory_ / "x.html", "--", target("chain"), "0.3"});
  EXPECT_EQ(agent.wait(), 1);
  EXPECT_THAT(agent.errors(), HasSubstr("x.html"));
  EXPECT_THAT(agent.errors(), HasSubstr("No space left on device"));
  EXPECT_EQ(listing(), "");
  ASSERT_EQ(::umount2(directory_.path().c_str(), MNT_DETACH), 0);
}

TEST_F(Record, AnExistingFileSurvivesAFailure) {
  ASSERT_EQ(::mount("stoker-test", directory_.path().c_str(), "tmpfs", 0, "size=16k"), 0);
  std::ofstream(directory_ / "x.html") << "before";
  Process agent(
      {program("agent"), "record", "-d", "60s", "-o", directory_ / "x.html", "--", target("chain"), "0.3"});
  EXPECT_EQ(agent.wait(), 1);
  std::stringstream text;
  text << std::ifstream(directory_ / "x.html").rdbuf();
  EXPECT_EQ(text.str(), "before");
  ASSERT_EQ(::umount2(directory_.path().c_str(), MNT_DETACH), 0);
}

// The program runs from a copy whose section headers are garbage, or that is cut off behind what is mapped: nothing a
// loader looks at, everything a profiler does.
class HostileElf : public Record, public testing::WithParamInterface<std::string> {};

TEST_P(HostileElf, IsProfiledWithoutNamesAndWithoutACrash) {
  const std::string path = directory_ / "hostile";
  fs::copy_file(target("chain_static"), path);
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  constexpr std::streamoff kSectionOffset = 40;  // e_shoff
  constexpr std::streamoff kSectionCount = 60;   // e_shnum, then e_shstrndx
  std::uint64_t sections = 0;
  file.seekg(kSectionOffset);
  file.read(reinterpret_cast<char*>(&sections), sizeof(sections));
  if (GetParam() == "garbage") {
    const std::string garbage(64 * 32, '\xff');
    file.seekp(static_cast<std::streamoff>(sections));
    file.write(garbage.data(), static_cast<std::streamsize>(garbage.size()));
  } else if (GetParam() == "far_away") {
    const std::uint64_t far = 0xfffffffffffffff0;
    file.seekp(kSectionOffset);
    file.write(reinterpret_cast<const char*>(&far), sizeof(far));
  } else if (GetParam() == "very_many") {
    const std::uint32_t many = 0xffffffff;
    file.seekp(kSectionCount);
    file.write(reinterpret_cast<const char*>(&many), sizeof(many));
  }
  file.close();
  if (GetParam() == "truncated") {
    fs::resize_file(path, sections + 10);
  }
  Process agent({program("agent"), "record", "-d", "60s", "-F", "199", "-o", directory_ / "x.pb.gz", "--",
                 path, "0.5"});
  EXPECT_EQ(agent.wait(), 0) << agent.errors();
  EXPECT_GT(samples_in(directory_ / "x.pb.gz"), 50);
}

INSTANTIATE_TEST_SUITE_P(Elf, HostileElf, testing::Values("garbage", "far_away", "very_many", "truncated"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace stoker::test
