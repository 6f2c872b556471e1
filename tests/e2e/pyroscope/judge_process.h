// Runs the judge (judge/main.go) for a test.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

namespace stoker::e2e {

// A judge on a free loopback port, ended with the object. Failures to start or ask it fail the test.
class JudgeProcess {
 public:
  explicit JudgeProcess(const std::string& mode = "ok");
  ~JudgeProcess();
  JudgeProcess(const JudgeProcess&) = delete;
  JudgeProcess& operator=(const JudgeProcess&) = delete;

  std::string url() const { return "http://" + address_; }
  void set_mode(const std::string& mode) const;
  nlohmann::json report() const;
  // Asks until the report is as wanted, for at most 20 s; the last report.
  nlohmann::json wait_for(const std::function<bool(const nlohmann::json&)>& wanted) const;

 private:
  pid_t pid_ = -1;
  std::string address_;
};

}  // namespace stoker::e2e
