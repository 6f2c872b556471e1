#include "judge_process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <thread>

namespace stoker::e2e {

JudgeProcess::JudgeProcess(const std::string& mode) {
  std::array<int, 2> out{};
  if (::pipe2(out.data(), O_CLOEXEC) != 0) {
    ADD_FAILURE() << "pipe";
    return;
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  std::string name = PYROSCOPE_JUDGE;
  std::string mode_option = "--mode=" + mode;
  std::string delay_option = "--delay=20s";
  std::array<char*, 4> arguments = {name.data(), mode_option.data(), delay_option.data(), nullptr};
  const int error = ::posix_spawn(&pid_, name.c_str(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(out[1]);
  EXPECT_EQ(error, 0) << "cannot start " << name;
  for (char c = 0; error == 0 && ::read(out[0], &c, 1) == 1 && c != '\n';) {
    address_ += c;
  }
  ::close(out[0]);
  EXPECT_FALSE(address_.empty());
}

JudgeProcess::~JudgeProcess() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
}

void JudgeProcess::set_mode(const std::string& mode) const {
  httplib::Client client(url());
  const auto answer = client.Post("/judge/mode?set=" + mode);
  ASSERT_TRUE(answer);
  ASSERT_EQ(answer->status, 200);
}

nlohmann::json JudgeProcess::report() const {
  httplib::Client client(url());
  const auto answer = client.Get("/judge/report");
  EXPECT_TRUE(answer);
  return answer ? nlohmann::json::parse(answer->body) : nlohmann::json::object();
}

nlohmann::json JudgeProcess::wait_for(const std::function<bool(const nlohmann::json&)>& wanted) const {
  nlohmann::json last;
  for (int tries = 0; tries < 400; ++tries) {
    last = report();
    if (wanted(last)) {
      return last;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  ADD_FAILURE() << "the judge never got there: " << last.dump().substr(0, 2000);
  return last;
}

}  // namespace stoker::e2e
