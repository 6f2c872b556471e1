#include "process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/clock.h"

namespace stoker::test {
namespace {

std::string contents(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

}  // namespace

std::string program(const std::string& name) {
  // STOKER_AGENT: another build's agent under the same tests.
  const char* const other = name == "agent" ? std::getenv("STOKER_AGENT") : nullptr;
  return other != nullptr ? other : std::string(STOKER_BIN) + "/" + name;
}
std::string target(const std::string& name) {
  return program("targets/" + name);
}

TemporaryDirectory::TemporaryDirectory() {
  char path[] = "/tmp/stoker-test-XXXXXX";
  if (::mkdtemp(path) == nullptr) {
    ADD_FAILURE() << "mkdtemp: " << std::strerror(errno);
  }
  path_ = path;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Process::Process(const std::vector<std::string>& arguments) {
  // Inherited: whatever else the machine does shall not keep targets from their CPU time. Not granted to everybody.
  constexpr int kAboveOthers = -15;
  [[maybe_unused]] const int ignored = ::setpriority(PRIO_PROCESS, 0, kAboveOthers);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, (files_ / "out").c_str(),
                                     O_WRONLY | O_CREAT | O_APPEND, 0644);
  ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, (files_ / "err").c_str(),
                                     O_WRONLY | O_CREAT | O_APPEND, 0644);
  std::vector<std::string> copies = arguments;
  std::vector<char*> argv;
  for (std::string& argument : copies) {
    argv.push_back(argument.data());
  }
  argv.push_back(nullptr);
  const int code = ::posix_spawnp(&pid_, argv[0], &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (code != 0) {
    ADD_FAILURE() << arguments.front() << ": " << std::strerror(code);
    pid_ = -1;
  }
}

Process::~Process() {
  if (pid_ > 0 && !collected_) {
    ::kill(pid_, SIGKILL);
    wait();
  }
}

void Process::signal(int number) const {
  if (pid_ > 0) {
    ::kill(pid_, number);
  }
}

int Process::wait(double seconds) {
  const MonotonicTime end{monotonic_now().ns + static_cast<std::uint64_t>(seconds * 1e9)};
  while (pid_ > 0 && !collected_) {
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == pid_) {
      collected_ = true;
      status_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    } else if (monotonic_now() >= end) {
      return -1;
    } else {
      ::usleep(2000);
    }
  }
  return pid_ > 0 ? status_ : -1;
}

std::string Process::output() const {
  return contents(files_ / "out");
}
std::string Process::errors() const {
  return contents(files_ / "err");
}

}  // namespace stoker::test
