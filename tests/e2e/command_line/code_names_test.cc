// Names of code that lies in no file: what JIT compilers make, and BPF programs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <string>

#include "base/mapped_file.h"
#include "tests/bpf/process.h"

namespace stoker::test {
namespace {

using testing::HasSubstr;

class CodeNames : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) {
      GTEST_SKIP() << "needs root";
    }
  }

  // "main;caller;leaf COUNT" of each stack of a command that ends by itself.
  std::string stacks(std::vector<std::string> command) {
    command.insert(command.begin(), {"-d", "60s", "--"});
    return record(std::move(command));
  }
  std::string record(std::vector<std::string> options) {
    const std::string path = directory_ / "x.folded";
    options.insert(options.begin(), {program("agent"), "record", "-F", "499", "-o", path});
    Process agent(options);
    EXPECT_EQ(agent.wait(), 0) << agent.errors();
    output_ = agent.output();
    return read_file(path).value_or("");
  }
  // What made_code leaves in /tmp, as compilers do: "made_code (PID);…" says whose.
  static void remove_files(const std::string& stacks) {
    const std::size_t open = stacks.find('(');
    if (open != std::string::npos) {
      const std::string pid = stacks.substr(open + 1, stacks.find(')') - open - 1);
      std::filesystem::remove("/tmp/perf-" + pid + ".map");
      std::filesystem::remove("/tmp/jit-" + pid + ".dump");
    }
  }

  TemporaryDirectory directory_;
  std::string output_;
};

TEST_F(CodeNames, AnonymousCodeIsNamedAsSuch) {
  EXPECT_THAT(stacks({target("made_code"), "0.5"}), HasSubstr("main;run_code;[anon] "));
}

// The process has ended when its map is read.
TEST_F(CodeNames, APerfMapNamesIt) {
  const std::string found = stacks({target("made_code"), "0.5", "map", "LazyCompile:*hot a.js:3"});
  EXPECT_THAT(found, HasSubstr("main;run_code;LazyCompile:*hot a.js:3 "));
  remove_files(found);
}

TEST_F(CodeNames, AJitDumpNamesIt) {
  const std::string found = stacks({target("made_code"), "0.5", "dump", "compiled_by_dump"});
  EXPECT_THAT(found, HasSubstr("main;run_code;compiled_by_dump "));
  remove_files(found);
}

TEST_F(CodeNames, InAContainerTheMapIsReadFromItsOwnTmpUnderItsOwnPid) {
  // The program may lie in what is mounted over.
  const std::string inside = "exec 3<" + target("made_code") +
                             " && mount -t tmpfs none /tmp && exec /proc/self/fd/3 60 map in_container";
  const Process container({"/usr/bin/unshare", "--mount", "--pid", "--fork", "sh", "-c", inside});
  const std::string proc = "/proc/" + std::to_string(container.pid());
  std::string pid;
  for (int tries = 0; tries < 1000; ++tries) {
    pid = read_file(proc + "/task/" + std::to_string(container.pid()) + "/children").value_or("");
    pid = pid.substr(0, pid.find(' '));
    if (!pid.empty() && std::filesystem::exists("/proc/" + pid + "/root/tmp/perf-1.map")) {
      break;
    }
    ::usleep(10'000);
  }
  ASSERT_FALSE(pid.empty()) << container.errors();
  EXPECT_THAT(record({"-d", "1s", "--pid", pid}), HasSubstr("main;run_code;in_container "));
  ::kill(std::stoi(pid), SIGKILL);
}

// Truth: the kernel's list has the program under this name while it is loaded.
TEST_F(CodeNames, ABpfProgramHasItsNameInTheKernel) {
  const std::string found = stacks({target("bpf_busy"), "0.5"});
  const std::size_t tag = output_.find("bpf ");
  ASSERT_NE(tag, std::string::npos) << output_;
  EXPECT_THAT(found, HasSubstr(";bpf_prog_" + output_.substr(tag + 4, 16) + "_busy "));
}

}  // namespace
}  // namespace stoker::test
