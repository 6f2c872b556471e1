// `agent record` run by a test, and its profile in a form that tests can ask.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "process.h"
#include "profile/profile.h"

namespace stoker::test {

// One sample of the profile: count equal ones.
struct Stack {
  std::vector<std::string> names;  // of functions, leaf first, inlined ones included
  std::vector<profile::FrameKind> kinds;
  std::map<std::string, std::string> labels;  // numbers as text
  std::uint64_t count = 0;

  bool has(const std::string& name) const;
  // Whether the functions follow each other, callee before caller.
  bool has_chain(const std::vector<std::string>& chain) const;
  bool has_kernel() const;
};

struct Accounting {
  std::uint64_t taken = 0;
  std::uint64_t delivered = 0;
  std::uint64_t dropped = 0;
  bool operator==(const Accounting&) const = default;
};

class Recording {
 public:
  // Runs `agent record OPTIONS -o FILE [-- COMMAND]` to its end.
  static Recording of(const std::vector<std::string>& options, const std::vector<std::string>& command = {});

  // Begins one; the agent is sampling when it returns. The first form's end is finish().
  explicit Recording(const std::vector<std::string>& options, const std::vector<std::string>& command = {},
                     const std::vector<std::string>& wrapper = {});
  Recording(Recording&&) = default;
  void finish();

  const std::vector<Stack>& stacks() const { return stacks_; }
  std::uint64_t samples() const;
  std::uint64_t count(const std::function<bool(const Stack&)>& wanted) const;
  // From the line that record ends with.
  Accounting accounting() const { return accounting_; }
  std::string output() const { return agent_->output(); }
  std::string errors() const { return agent_->errors(); }
  const profile::Profile& profile() const { return *profile_; }
  pid_t agent_pid() const { return agent_->pid(); }
  Process& agent() { return *agent_; }

 private:
  std::unique_ptr<TemporaryDirectory> directory_;
  std::unique_ptr<Process> agent_;
  std::optional<profile::Profile> profile_;
  std::vector<Stack> stacks_;
  Accounting accounting_;
};

// What a target printed (tests/targets/CMakeLists.txt).
struct Truth {
  std::map<std::string, double> cpu_seconds;
  std::map<std::string, std::vector<std::string>> chains;
  std::optional<int> pid;
};
Truth truth_of(const std::string& output);

// Whether seen out of total could come from a share so large, at a false alarm of about one in ten million, with slack
// (of the share) for what the target itself does not measure.
testing::AssertionResult is_share(std::uint64_t seen, std::uint64_t total, double share, double slack = 0.01);

}  // namespace stoker::test
