// A recording of a stripped program, finished by `agent symbolize` once the program with symbols is there, and read by
// what people read profiles with.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/mapped_file.h"
#include "profile/pprof_reader.h"
#include "tests/bpf/process.h"

namespace stoker::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

class SymbolizeProfile : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) {
      GTEST_SKIP() << "needs root";
    }
    Process strip({"objcopy", "--strip-all", target("chain"), program_});
    ASSERT_EQ(strip.wait(), 0) << strip.errors();
    Process agent({program("agent"), "record", "-d", "60s", "-F", "199", "--top", "0", "-o", bare_, "--",
                   program_, "0.5"});
    ASSERT_EQ(agent.wait(), 0) << agent.errors();
  }

  int symbolize(const std::vector<std::string>& more) {
    std::vector<std::string> arguments{program("agent"), "symbolize", bare_};
    arguments.insert(arguments.end(), more.begin(), more.end());
    Process agent(arguments);
    const int code = agent.wait();
    said_ = agent.errors();
    EXPECT_EQ(agent.output(), "");
    return code;
  }

  static profile::Profile read(const std::string& path) {
    const auto file = MappedFile::open(path);
    auto profile = file ? profile::read_pprof(file->bytes(), path) : make_error("cannot open " + path);
    EXPECT_TRUE(profile) << profile.error().message();
    return profile ? *std::move(profile) : profile::Profile();
  }

  // Text of `go tool pprof` with these options; skips the test where there is no Go.
  static std::string go_pprof(const std::vector<std::string>& options) {
    std::vector<std::string> arguments{STOKER_SOURCE "/tools/go.sh", "tool", "pprof", "-symbolize=none"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    Process pprof(arguments);
    EXPECT_EQ(pprof.wait(120), 0) << pprof.errors();
    return pprof.output();
  }
  static bool has_go() { return Process({STOKER_SOURCE "/tools/go.sh", "--present"}).wait() == 0; }

  TemporaryDirectory directory_;
  const std::string program_ = directory_ / "program";
  const std::string bare_ = directory_ / "bare.pb.gz";
  const std::string named_ = directory_ / "named.pb.gz";
  std::string said_;
};

TEST_F(SymbolizeProfile, GivesNamesLinesAndInlinedCallsAndKeepsTheSamples) {
  fs::copy_file(target("chain"), program_, fs::copy_options::overwrite_existing);
  ASSERT_EQ(symbolize({"-o", named_}), 0) << said_;
  EXPECT_THAT(said_, HasSubstr("wrote " + named_));
  const profile::Profile bare = read(bare_);
  const profile::Profile named = read(named_);
  EXPECT_EQ(named.total(0), bare.total(0));
  EXPECT_EQ(named.comments, bare.comments);
  Process report({program("agent"), "report", named_});
  EXPECT_EQ(report.wait(), 0);
  for (const char* name : {"middle()", "outer()", "main"}) {
    EXPECT_THAT(report.output(), HasSubstr(name));
  }
  if (!has_go()) {
    GTEST_SKIP() << "the rest needs Go";
  }
  EXPECT_THAT(go_pprof({"-top", bare_}), Not(HasSubstr("middle")));
  const std::string top = go_pprof({"-top", "-cum", named_});
  EXPECT_THAT(top, HasSubstr("middle"));
  EXPECT_THAT(top, HasSubstr("File: program"));
  // Source lines with samples.
  const std::string list = go_pprof({"-list", "^middle", named_});
  EXPECT_THAT(list, HasSubstr("ROUTINE"));
  EXPECT_THAT(list, HasSubstr("tests/targets/chain.cc"));
  EXPECT_THAT(list, testing::ContainsRegex("[0-9]m?s +[0-9]+: +(left|right)"));
  // Each mapping entry says of its own locations whether they have names.
  EXPECT_THAT(go_pprof({"-raw", named_}), HasSubstr(program_ + " "));
}

TEST_F(SymbolizeProfile, WithoutTheFilesItSaysSoOnceAndLosesNothing) {
  fs::remove(program_);
  ASSERT_EQ(symbolize({"-o", named_}), 0) << said_;
  std::size_t said = 0;
  for (std::size_t at = said_.find(program_); at != std::string::npos; at = said_.find(program_, at + 1)) {
    ++said;
  }
  EXPECT_EQ(said, 1u) << said_;
  EXPECT_EQ(read(named_).total(0), read(bare_).total(0));
  EXPECT_EQ(read(named_).locations().size(), read(bare_).locations().size());
}

TEST_F(SymbolizeProfile, AnotherProgramUnderThePathGivesNoNames) {
  fs::copy_file(target("deep"), program_, fs::copy_options::overwrite_existing);
  ASSERT_EQ(symbolize({"-o", named_}), 0) << said_;
  EXPECT_THAT(said_, HasSubstr("its build id is not"));
  Process report({program("agent"), "report", named_});
  EXPECT_EQ(report.wait(), 0);
  EXPECT_THAT(report.output(), HasSubstr("program+0x"));
}

TEST_F(SymbolizeProfile, TheProfileItselfMayBeTheResult) {
  fs::copy_file(target("chain"), program_, fs::copy_options::overwrite_existing);
  ASSERT_EQ(symbolize({"-o", bare_}), 0) << said_;
  ASSERT_EQ(symbolize({"-o", named_}), 0) << said_;
  EXPECT_THAT(said_, HasSubstr("named 0 of "));
}

TEST_F(SymbolizeProfile, ACallThatCannotBeCarriedOutLeavesNoFile) {
  fs::create_directory(directory_ / "folder.pb.gz");
  EXPECT_EQ(symbolize({"-o", directory_ / "folder.pb.gz"}), 1);
  EXPECT_THAT(said_, HasSubstr("it is a directory"));
  EXPECT_EQ(symbolize({"-o", directory_ / "nowhere/x.pb.gz"}), 1);
  EXPECT_EQ(symbolize({"-o", directory_ / "x.txt"}), 2);
  EXPECT_EQ(symbolize({"-o", named_, "0x1040"}), 2);
  EXPECT_EQ(symbolize({}), 2);
  EXPECT_THAT(said_, HasSubstr("is a profile"));
  std::ofstream(bare_) << "no profile";
  EXPECT_EQ(symbolize({"-o", named_}), 1);
  EXPECT_THAT(said_, HasSubstr("no pprof file"));
  fs::remove(bare_);
  EXPECT_EQ(symbolize({"-o", named_}), 1);
  EXPECT_THAT(said_, HasSubstr("No such file"));
  EXPECT_FALSE(fs::exists(named_));
}

}  // namespace
}  // namespace stoker::test
