// Calls that cannot be carried out: what is said, and with which exit code.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/mapped_file.h"
#include "tests/bpf/process.h"

namespace stoker::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

struct Said {
  int code;
  std::string errors;
  std::string output;
};

Said call(const std::vector<std::string>& arguments, const std::vector<std::string>& wrapper = {}) {
  std::vector<std::string> all = wrapper;
  all.push_back(program("agent"));
  all.insert(all.end(), arguments.begin(), arguments.end());
  Process process(all);
  const int code = process.wait(90);
  return {code, process.errors(), process.output()};
}

// One line that names the trouble, nothing on stdout.
void expect_refusal(const Said& said, int code, const std::string& part) {
  EXPECT_EQ(said.code, code) << said.errors;
  EXPECT_EQ(std::ranges::count(said.errors, '\n'), 1) << said.errors;
  EXPECT_LT(said.errors.size(), 300u) << said.errors;
  EXPECT_THAT(said.errors, HasSubstr(part));
  EXPECT_EQ(said.output, "");
}

struct WrongCall {
  std::vector<std::string> arguments;
  int code;
  std::string part;  // of what is said
};

class WrongCalls : public testing::TestWithParam<WrongCall> {};

TEST_P(WrongCalls, AreRefusedInOneLine) {
  expect_refusal(call(GetParam().arguments), GetParam().code, GetParam().part);
}

INSTANTIATE_TEST_SUITE_P(
    Usage, WrongCalls,
    testing::Values(
        WrongCall{{}, 2, "--help"}, WrongCall{{"bogus"}, 2, "'bogus'"},
        WrongCall{{"record"}, 2, "say what to record"}, WrongCall{{"record", "--"}, 2, "say what to record"},
        WrongCall{{"record", "--all", "--pid", "1"}, 2, "exclude each other"},
        WrongCall{{"record", "--all", "--", "true"}, 2, "exclude each other"},
        WrongCall{{"record", "--all", "--nonsense"}, 2, "--nonsense"},
        WrongCall{{"record", "--all", "-F", "0"}, 2, "bad frequency '0'"},
        WrongCall{{"record", "--all", "-F", "1000000"}, 2, "bad frequency '1000000'"},
        WrongCall{{"record", "--all", "-F", "97x"}, 2, "bad frequency '97x'"},
        WrongCall{{"record", "--all", "-d", "-1"}, 2, "bad duration '-1'"},
        WrongCall{{"record", "--all", "-d", "nonsense"}, 2, "bad duration 'nonsense'"},
        WrongCall{{"record", "--all", "-d", "0"}, 2, "bad duration '0'"},
        WrongCall{{"record", "--all", "-d", "nan"}, 2, "bad duration 'nan'"},
        WrongCall{{"record", "--all", "-d", "1e300"}, 2, "bad duration '1e300'"},
        WrongCall{{"record", "--pid", "abc"}, 2, "bad process id 'abc'"},
        WrongCall{{"record", "--pid", "-5"}, 2, "bad process id '-5'"},
        WrongCall{{"record", "--pid", "99999999999"}, 2, "bad process id"},
        WrongCall{{"record", "--comm", "("}, 2, "--comm: bad expression"},
        WrongCall{{"record", "--comm", ""}, 2, "regular expression"},
        WrongCall{{"record", "--container", ""}, 2, "container"},
        WrongCall{{"record", "--all", "--children"}, 2, "--pid"},
        WrongCall{{"record", "--all", "--demangle", "bad"}, 2, "simplified"},
        WrongCall{{"record", "--all", "--event", "bad"}, 2, "'bad'"},
        WrongCall{{"record", "--all", "-o", "x.txt"}, 2, ".pb.gz"},
        WrongCall{{"record", "--all", "-o", ""}, 2, ".pb.gz"},
        WrongCall{{"--log-level", "loud", "version"}, 2, "'loud'"},
        WrongCall{{"run", "--", "true"}, 2, "only record"}, WrongCall{{"report"}, 2, "FILE"},
        WrongCall{{"diff", "a"}, 2, "AFTER"}, WrongCall{{"diff", "a", "b", "-o", "x.txt"}, 2, ".pb.gz"},
        WrongCall{{"symbolize"}, 2, "FILE"},
        WrongCall{{"symbolize", "/bin/sh", "1", "-o", "x.pb.gz"}, 2, "excludes"},
        WrongCall{{"symbolize", "/bin/sh", "nonsense"}, 2, "bad address 'nonsense'"},
        WrongCall{{"symbolize", "/bin/sh", "-o", "x.txt"}, 2, ".pb.gz"}, WrongCall{{"config"}, 2, "--help"}));

INSTANTIATE_TEST_SUITE_P(
    Failure, WrongCalls,
    testing::Values(WrongCall{{"record", "--pid", "4194303"}, 1, "no process 4194303"},
                    WrongCall{{"record", "--all", "-o", "/nonexistent/x.html"}, 1, "/nonexistent"},
                    WrongCall{{"record", "--all", "-o", "/proc/x.html"}, 1, "/proc/x.html"},
                    WrongCall{{"record", "--", "/nonexistent/program"}, 1, "/nonexistent/program"},
                    WrongCall{{"record", "--", "/etc/passwd"}, 1, "Permission denied"},
                    WrongCall{{"report", "/nonexistent"}, 1, "/nonexistent"},
                    WrongCall{{"report", "/etc/passwd"}, 1, "no pprof file"},
                    WrongCall{{"report", "/tmp"}, 1, "not a regular file"},
                    WrongCall{{"symbolize", "/nonexistent", "1"}, 1, "/nonexistent"},
                    WrongCall{{"symbolize", "/etc/passwd", "1"}, 1, "/etc/passwd"},
                    WrongCall{{"symbolize", "/bin/sh", "-o", "x.pb.gz"}, 1, "no pprof file"},
                    WrongCall{{"run", "--config", "/nonexistent"}, 1, "/nonexistent"},
                    WrongCall{{"config", "check", "/nonexistent"}, 1, "/nonexistent"}));

TEST(CommandLine, BrokenYamlIsShownWithLineAndColumn) {
  const TemporaryDirectory directory;
  const std::string file = directory / "agent.yaml";
  std::ofstream(file) << "sampling:\n  rate: many\n";
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{"config", "check", file},
                                                    std::vector<std::string>{"run", "--config", file}}) {
    expect_refusal(call(arguments), 1, file + ":2:");
  }
  std::ofstream(file) << "sampling: [\n";
  expect_refusal(call({"config", "check", file}), 1, file + ":");
  std::ofstream(file) << "samplings:\n  rate: 5\n";
  expect_refusal(call({"config", "check", file}), 1, file + ":1:1: ");
}

TEST(CommandLine, OfAFileCutShortTheRestIsReadAndTheDamageNamedOnce) {
  const TemporaryDirectory directory;
  const std::string whole = read_file(program("agent"), std::size_t{1} << 30).value_or("");
  for (const std::size_t size : {whole.size() / 2, std::size_t{4096}}) {
    std::ofstream(directory / "cut", std::ios::binary) << whole.substr(0, size);
    const Said said = call({"symbolize", "--json", directory / "cut", "1000", "2000", "3000"});
    EXPECT_EQ(said.code, 0);
    EXPECT_EQ(std::ranges::count(said.errors, '\n'), 1) << said.errors;
    EXPECT_THAT(said.errors, HasSubstr("cannot read all of ELF file " + (directory / "cut")));
    EXPECT_EQ(std::ranges::count(said.output, '\n'), 3) << said.output;
  }
  std::ofstream(directory / "cut", std::ios::binary) << whole.substr(0, 40);
  expect_refusal(call({"symbolize", directory / "cut", "1000"}), 1, "the header is cut short");
}

TEST(CommandLine, HelpAndVersionAreNoMistakes) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"--help"}, {"record", "--help"}, {"version"}}) {
    const Said said = call(arguments);
    EXPECT_EQ(said.code, 0);
    EXPECT_EQ(said.errors, "");
    EXPECT_NE(said.output, "");
  }
}

TEST(CommandLine, ADirectoryIsNoOutputFile) {
  const TemporaryDirectory directory;
  fs::create_directory(directory / "folder.html");
  expect_refusal(call({"record", "--all", "-o", directory / "folder.html"}), 1, "it is a directory");
}

TEST(CommandLine, AZombieIsNamedAsSuch) {
  const Process parent({target("zombie")});
  while (parent.output().empty()) {
    ::usleep(10'000);
  }
  std::string word;
  std::string pid;
  std::istringstream(parent.output()) >> word >> pid;
  expect_refusal(call({"record", "--pid", pid}), 1, "zombie");
}

TEST(CommandLine, WithoutRightsTheMissingOnesAreNamed) {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "needs root to give it up";
  }
  const TemporaryDirectory directory;
  ASSERT_EQ(::chmod(directory.path().c_str(), 0777), 0);
  // A copy that anybody may execute, wherever the build lies.
  fs::copy_file(program("agent"), directory / "agent");
  fs::permissions(directory / "agent", fs::perms{0755});
  const std::vector<std::string> record{directory / "agent", "record", "--all", "-d", "300ms", "-o",
                                        directory / "x.html"};
  const auto run = [&](std::vector<std::string> wrapper) {
    wrapper.insert(wrapper.end(), record.begin(), record.end());
    Process process(wrapper);
    const int code = process.wait(60);
    return Said{code, process.errors(), process.output()};
  };
  const std::vector<std::string> nobody{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"};
  expect_refusal(run(nobody), 1, "CAP_BPF");
  std::vector<std::string> bpf_only = nobody;
  bpf_only.insert(bpf_only.end(), {"--inh-caps=+bpf", "--ambient-caps=+bpf"});
  expect_refusal(run(bpf_only), 1, "CAP_PERFMON");
  EXPECT_FALSE(fs::exists(directory / "x.html"));
  std::vector<std::string> both = nobody;
  both.insert(both.end(), {"--inh-caps=+bpf,+perfmon", "--ambient-caps=+bpf,+perfmon"});
  const Said said = run(both);
  EXPECT_EQ(said.code, 0) << said.errors;
  EXPECT_TRUE(fs::exists(directory / "x.html"));
}

TEST(CommandLine, AKernelWithoutTypesIsNamed) {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "needs root to mount";
  }
  const TemporaryDirectory directory;
  expect_refusal(
      call({"record", "--all", "-d", "300ms", "-o", directory / "x.html"},
           {"unshare", "-m", "/bin/sh", "-c", "mount -t tmpfs none /sys/kernel/btf && exec \"$@\"", "sh"}),
      1, "the kernel's type information");
  EXPECT_FALSE(fs::exists(directory / "x.html"));
}

TEST(CommandLine, APortInUseIsNamed) {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "needs root";
  }
  const TemporaryDirectory directory;
  const std::string file = directory / "agent.yaml";
  const std::string port = std::to_string(20000 + ::getpid() % 20000);
  std::ofstream(file) << "web:\n  listen: 127.0.0.1:" << port << "\n";
  Process first({program("agent"), "run", "--config", file});
  while (first.errors().find("sampling at") == std::string::npos && first.wait(0) == -1) {
    ::usleep(20'000);
  }
  expect_refusal(call({"run", "--config", file}), 1, port);
  first.signal(SIGTERM);
  EXPECT_EQ(first.wait(30), 0) << first.errors();
}

}  // namespace
}  // namespace stoker::test
