#include "recording.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <regex>
#include <sstream>

#include "base/mapped_file.h"
#include "profile/pprof_reader.h"

namespace stoker::test {
namespace {

std::vector<Stack> stacks_in(const profile::Profile& profile) {
  std::vector<Stack> stacks;
  for (const profile::Sample& sample : profile.samples()) {
    Stack stack;
    for (const profile::LocationId id : profile.stacks().at(sample.stack)) {
      const profile::Location& location = profile.locations().at(id);
      for (std::size_t line = 0; line < std::max<std::size_t>(1, location.lines.size()); ++line) {
        stack.names.push_back(profile::frame_name(profile, location, line));
        stack.kinds.push_back(location.kind);
      }
    }
    if (sample.labels != 0) {
      for (const profile::Label& label : profile.label_sets().at(sample.labels)) {
        stack.labels[label.key] = label.text.empty() ? std::to_string(label.number) : label.text;
      }
    }
    stack.count = static_cast<std::uint64_t>(sample.values.at(0));
    stacks.push_back(std::move(stack));
  }
  return stacks;
}

std::vector<std::string> split(const std::string& text, char by) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, by);) {
    parts.push_back(part);
  }
  return parts;
}

}  // namespace

bool Stack::has(const std::string& name) const {
  return std::ranges::find(names, name) != names.end();
}

bool Stack::has_chain(const std::vector<std::string>& chain) const {
  return !std::ranges::search(names, chain).empty();
}

bool Stack::has_kernel() const {
  return std::ranges::find(kinds, profile::FrameKind::kKernel) != kinds.end();
}

Recording Recording::of(const std::vector<std::string>& options, const std::vector<std::string>& command) {
  Recording recording(options, command);
  recording.finish();
  return recording;
}

Recording::Recording(const std::vector<std::string>& options, const std::vector<std::string>& command,
                     const std::vector<std::string>& wrapper)
    : directory_(std::make_unique<TemporaryDirectory>()) {
  std::vector<std::string> arguments = wrapper;
  arguments.insert(arguments.end(),
                   {program("agent"), "record", "--top", "0", "-o", *directory_ / "out.pb.gz"});
  arguments.insert(arguments.end(), options.begin(), options.end());
  if (!command.empty()) {
    arguments.emplace_back("--");
    arguments.insert(arguments.end(), command.begin(), command.end());
  }
  agent_ = std::make_unique<Process>(arguments);
  while (agent_->errors().find("recording at") == std::string::npos && agent_->wait(0) == -1) {
    ::usleep(5000);
  }
}

void Recording::finish() {
  ASSERT_EQ(agent_->wait(120), 0) << errors();
  const auto file = MappedFile::open(*directory_ / "out.pb.gz");
  ASSERT_TRUE(file) << file.error().message();
  auto read = profile::read_pprof(file->bytes(), "out.pb.gz");
  ASSERT_TRUE(read) << read.error().message();
  profile_ = *std::move(read);
  stacks_ = stacks_in(*profile_);
  std::smatch found;
  const std::string text = errors();
  ASSERT_TRUE(
      std::regex_search(text, found, std::regex("(\\d+) taken = (\\d+) delivered \\+ (\\d+) dropped")))
      << text;
  accounting_ = {std::stoull(found[1]), std::stoull(found[2]), std::stoull(found[3])};
  // Exact, for every recording of every test.
  EXPECT_EQ(accounting_.taken, accounting_.delivered + accounting_.dropped) << text;
  EXPECT_EQ(accounting_.delivered, samples()) << text;
}

std::uint64_t Recording::samples() const {
  return count([](const Stack&) { return true; });
}

std::uint64_t Recording::count(const std::function<bool(const Stack&)>& wanted) const {
  std::uint64_t sum = 0;
  for (const Stack& stack : stacks_) {
    sum += wanted(stack) ? stack.count : 0;
  }
  return sum;
}

Truth truth_of(const std::string& output) {
  Truth truth;
  std::istringstream in(output);
  for (std::string line; std::getline(in, line);) {
    const std::size_t first = line.find(' ');
    const std::size_t last = line.rfind(' ');
    const std::string kind = line.substr(0, first);
    if (kind == "cpu") {
      truth.cpu_seconds[line.substr(first + 1, last - first - 1)] += std::stod(line.substr(last + 1)) / 1e9;
    } else if (kind == "chain") {
      // Names of functions hold spaces; the first word is the chain's own name.
      const std::size_t second = line.find(' ', first + 1);
      truth.chains[line.substr(first + 1, second - first - 1)] = split(line.substr(second + 1), ',');
    } else if (kind == "pid") {
      truth.pid = std::stoi(line.substr(last + 1));
    }
  }
  return truth;
}

testing::AssertionResult is_share(std::uint64_t seen, std::uint64_t total, double share, double slack) {
  const double expected = share * static_cast<double>(total);
  // Samples come at even distances, which makes counts vary less than the binomial's; 5.3 standard deviations of that.
  const double bound =
      5.3 * std::sqrt(expected * (1 - std::min(share, 1.0))) + slack * static_cast<double>(total) + 1;
  if (std::abs(static_cast<double>(seen) - expected) <= bound) {
    return testing::AssertionSuccess();
  }
  return testing::AssertionFailure() << fmt::format("{} of {} samples; {:.1f} ± {:.1f} were to be expected",
                                                    seen, total, expected, bound);
}

}  // namespace stoker::test
