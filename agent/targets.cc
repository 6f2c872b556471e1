#include "agent/targets.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "base/mapped_file.h"

namespace stoker::agent {
namespace {

UniqueFd open_pidfd(pid_t pid) {
  return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

// The value of one line of /proc/PID/status ("Tgid"), "" when absent.
std::string_view status_field(std::string_view status, std::string_view name) {
  std::size_t at = 0;
  while (at < status.size()) {
    const std::string_view line = status.substr(at, status.find('\n', at) - at);
    if (line.starts_with(name) && line.size() > name.size() && line[name.size()] == ':') {
      std::string_view value = line.substr(name.size() + 1);
      value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
      return value;
    }
    at += line.size() + 1;
  }
  return {};
}

std::optional<pid_t> to_pid(std::string_view text) {
  pid_t pid = 0;
  const auto [rest, status] = std::from_chars(text.data(), text.data() + text.size(), pid);
  return status == std::errc{} && pid > 0 ? std::optional(pid) : std::nullopt;
}

}  // namespace

Result<TargetProcess> open_target(pid_t pid) {
  const auto status = read_file(fmt::format("/proc/{}/status", pid));
  if (!status) {
    return make_error(fmt::format("there is no process {}", pid), "", "`pgrep -a NAME` finds pids");
  }
  TargetProcess target{to_pid(status_field(*status, "Tgid")).value_or(pid), UniqueFd()};
  // A zombie leader with threads that go on is a process like any other.
  const bool alone = status_field(*status, "Threads") == "1";
  if (status_field(*status, "State").starts_with('Z') && alone) {
    return make_error(fmt::format("process {} has ended and is only a zombie", pid), "",
                      fmt::format("its parent {} has not collected it", status_field(*status, "PPid")));
  }
  target.pidfd = open_pidfd(target.pid);
  return target;
}

std::vector<pid_t> descendants(const std::vector<pid_t>& pids) {
  std::multimap<pid_t, pid_t> children;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    const auto pid = to_pid(entry.path().filename().native());
    if (!pid) {
      continue;
    }
    if (const auto status = read_file(entry.path() / "status")) {
      if (const auto parent = to_pid(status_field(*status, "PPid"))) {
        children.emplace(*parent, *pid);
      }
    }
  }
  std::vector<pid_t> found;
  std::vector<pid_t> open = pids;
  while (!open.empty()) {
    const pid_t parent = open.back();
    open.pop_back();
    for (auto [at, end] = children.equal_range(parent); at != end; ++at) {
      if (std::ranges::find(found, at->second) == found.end() &&
          std::ranges::find(pids, at->second) == pids.end()) {
        found.push_back(at->second);
        open.push_back(at->second);
      }
    }
  }
  return found;
}

Result<StartedCommand> StartedCommand::start(std::vector<std::string> arguments) {
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) {
    argv.push_back(argument.data());
  }
  argv.push_back(nullptr);
  int gate[2];
  int verdict[2];
  if (::pipe2(gate, O_CLOEXEC) != 0 || ::pipe2(verdict, O_CLOEXEC) != 0) {
    return system_error("cannot make a pipe", errno);
  }
  UniqueFd gate_read(gate[0]);
  UniqueFd verdict_write(verdict[1]);
  StartedCommand command;
  command.name_ = arguments.front();
  command.gate_.reset(gate[1]);
  command.verdict_.reset(verdict[0]);
  command.pid_ = ::fork();
  if (command.pid_ < 0) {
    return system_error("cannot start " + command.name_, errno);
  }
  if (command.pid_ == 0) {
    // Between fork and exec: only calls that are safe after fork in a process with threads.
    ::close(gate[1]);
    char byte = 0;
    if (::read(gate[0], &byte, 1) != 1) {
      ::_exit(0);  // the agent gave up
    }
    ::signal(SIGINT, SIG_DFL);
    ::signal(SIGTERM, SIG_DFL);
    ::execvp(argv[0], argv.data());
    const int code = errno;
    [[maybe_unused]] const ssize_t ignored = ::write(verdict[1], &code, sizeof(code));
    ::_exit(127);
  }
  command.pidfd_ = open_pidfd(command.pid_);
  return command;
}

StartedCommand::~StartedCommand() {
  if (gate_) {
    gate_.reset();
    int status = 0;
    ::waitpid(pid_, &status, 0);
  }
}

Result<> StartedCommand::release() {
  const char go = 1;
  const ssize_t written = ::write(gate_.get(), &go, 1);
  gate_.reset();
  int code = 0;
  if (written == 1 && ::read(verdict_.get(), &code, sizeof(code)) == sizeof(code)) {
    wait();
    return system_error("cannot run " + name_, code, "check the name and that it is executable");
  }
  return {};
}

std::string StartedCommand::wait() {
  int status = 0;
  if (::waitpid(pid_, &status, 0) != pid_) {
    return {};
  }
  if (WIFSIGNALED(status)) {
    return fmt::format("killed by signal {}", WTERMSIG(status));
  }
  return WEXITSTATUS(status) == 0 ? std::string() : fmt::format("exited with status {}", WEXITSTATUS(status));
}

}  // namespace stoker::agent
