// record_case [OPTION…] (--pid N | -- COMMAND…): writes the case of a thread that stands where the options say.
//   -o FILE          where to (default: nowhere, print the stack only)
//   --about TEXT     what the case shows
//   --after MS       let it run before it is looked at (default 200)
//   --steps N        go on at most so many instructions (default 100,000) until all of these hold:
//   --leaf NAME      the leaf is in the function NAME
//   --frame NAME     some frame is
//   --rule NUMBER    some frame's row has that rule (enum unwind_rule)
//   --leaf-rule N    the leaf's has
//   --cut            the stack does not end at a root
//   --check TOOL     gdb (default), eu-stack or none: whose stack of the stopped process must be the same
//   --longer         the tool's stack may end earlier, or go on behind our root
//   --stepwise       record nothing: compare both walkers at each of the steps
// Needs the right to ptrace, and the tool. The case is walked by both walkers before it is written.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "tests/replay/live_process.h"
#include "tests/replay/traced_thread.h"

namespace stoker::replay {
namespace {

struct Options {
  std::string output;
  std::string about;
  std::string leaf;
  std::string frame;
  std::string check = "gdb";
  std::vector<std::string> command;
  pid_t pid = 0;
  int after_ms = 200;
  int steps = 100000;
  int rule = -1;
  int leaf_rule = -1;
  bool cut = false;
  bool longer = false;
  bool stepwise = false;
};

std::optional<Options> parse(const std::vector<std::string>& words) {
  Options options;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    const auto text = [&] { return i + 1 < words.size() ? words[++i] : std::string(); };
    const auto number = [&] { return std::atoi(text().c_str()); };
    if (word == "-o") {
      options.output = text();
    } else if (word == "--about") {
      options.about = text();
    } else if (word == "--leaf") {
      options.leaf = text();
    } else if (word == "--frame") {
      options.frame = text();
    } else if (word == "--check") {
      options.check = text();
    } else if (word == "--pid") {
      options.pid = number();
    } else if (word == "--after") {
      options.after_ms = number();
    } else if (word == "--steps") {
      options.steps = number();
    } else if (word == "--rule") {
      options.rule = number();
    } else if (word == "--leaf-rule") {
      options.leaf_rule = number();
    } else if (word == "--cut") {
      options.cut = true;
    } else if (word == "--longer") {
      options.longer = true;
    } else if (word == "--stepwise") {
      options.stepwise = true;
    } else if (word == "--") {
      options.command.assign(words.begin() + static_cast<std::ptrdiff_t>(i) + 1, words.end());
      break;
    } else {
      return std::nullopt;
    }
  }
  return (options.pid != 0) != options.command.empty() ? std::nullopt : std::optional(options);
}

bool wanted(const Options& options, LiveProcess& process, const Walked& walked) {
  const auto named = [&](const std::string& name) {
    return [&](std::uint64_t frame) { return process.name_at(frame) == name; };
  };
  const auto has_rule = [&](std::uint64_t frame) { return process.rule_at(frame) == options.rule; };
  return (!options.cut || walked.end != 0) &&
         (options.leaf_rule < 0 || process.rule_at(walked.frames[0]) == options.leaf_rule) &&
         (options.rule < 0 || std::ranges::any_of(walked.frames, has_rule)) &&
         (options.leaf.empty() || named(options.leaf)(walked.frames[0])) &&
         (options.frame.empty() || std::ranges::any_of(walked.frames, named(options.frame)));
}

// The stack as another program sees it; what is inlined is left out.
std::vector<std::uint64_t> stack_by(const std::string& tool, pid_t tid) {
  const std::string gdb =
      "env -u DEBUGINFOD_URLS gdb -nx -batch -ex 'set debuginfod enabled off' -ex 'set backtrace past-main "
      "on' -p {} -ex 'python\n"
      "f = gdb.newest_frame()\n"
      "while f is not None:\n"
      "  if f.type() != gdb.INLINE_FRAME: print(\"#0 0x%x \" % f.pc())\n"
      "  f = f.older()\n"
      "' 2>/dev/null";
  const std::string command = tool == "gdb" ? fmt::format(fmt::runtime(gdb), tid)
                                            : fmt::format("eu-stack -1 -n 0 -p {} 2>/dev/null", tid);
  std::vector<std::uint64_t> stack;
  std::FILE* const pipe = ::popen(command.c_str(), "r");
  std::array<char, 4096> line{};
  while (pipe != nullptr && std::fgets(line.data(), line.size(), pipe) != nullptr) {
    unsigned long long address = 0;
    int number = 0;
    if (std::sscanf(line.data(), "#%d 0x%llx ", &number, &address) == 2 && address != 0) {
      stack.push_back(address);
    }
  }
  if (pipe != nullptr) {
    ::pclose(pipe);
  }
  return stack;
}

void print(const WalkCase& one, const std::vector<std::uint64_t>& other) {
  for (std::size_t i = 0; i < std::max(one.frames.size(), other.size()); ++i) {
    const std::uint64_t ours = i < one.frames.size() ? one.frames[i].pc & ~FRAME_EXACT : 0;
    const std::uint64_t theirs = i < other.size() ? other[i] : 0;
    fmt::print("  {:016x} {} {}\n", ours, i < one.frames.size() ? one.frames[i].name : "",
               ours == theirs || other.empty() ? std::string() : fmt::format("| the tool: {:x}", theirs));
  }
  fmt::print("  end {}\n", one.end);
}

Result<> record(const Options& options, TracedThread& thread, LiveProcess& process) {
  auto registers = thread.registers();
  for (int step = 0;; ++step) {
    if (!registers) {
      return std::unexpected(registers.error());
    }
    Walked walked = process.walk_as_user_space(*registers);
    if (walked.end != 0 && step % 64 == 0) {
      process.refresh();
      walked = process.walk_as_user_space(*registers);
    }
    if (options.stepwise) {
      const Walked bpf = process.walk_as_bpf(*registers);
      if (bpf != walked) {
        fmt::print("step {}: {} frames, end {} by BPF; {} frames, end {} in user space\n", step,
                   bpf.frames.size(), bpf.end, walked.frames.size(), walked.end);
      }
      if (wanted(options, process, walked)) {
        fmt::print("step {}: {} frames, end {}, leaf {}\n", step, walked.frames.size(), walked.end,
                   process.name_at(walked.frames[0]));
      }
    } else if (wanted(options, process, walked)) {
      break;
    }
    if (step >= options.steps || !thread.step()) {
      return options.stepwise ? Result<>{} : make_error("cannot record a case", "no moment was as asked for");
    }
    registers = thread.registers();
  }

  WalkCase one = process.make_case(*registers);
  one.about = options.about;
  std::vector<std::uint64_t> other;
  if (options.check != "none") {
    thread.release_stopped();
    other = stack_by(options.check, thread.tid());
  }
  print(one, other);
  const auto same = [](const CaseFrame& frame, std::uint64_t pc) { return (frame.pc & ~FRAME_EXACT) == pc; };
  const auto differ = std::ranges::mismatch(one.frames, other, same);
  const bool ours_end = differ.in1 == one.frames.end();
  const bool theirs_end = differ.in2 == other.end();
  if (options.check != "none" && !(options.longer ? ours_end || theirs_end : ours_end && theirs_end)) {
    return make_error("no case is written", options.check + " sees another stack");
  }
  CaseProcess replayed(one);
  if (replayed.walk_as_bpf(*registers) != one.truth() ||
      replayed.walk_as_user_space(*registers) != one.truth()) {
    return make_error("no case is written", "a walker does not find the stack in it");
  }
  if (!options.output.empty()) {
    std::ofstream(options.output, std::ios::binary) << format_case(one);
  }
  return {};
}

Result<> run(const Options& options) {
  auto thread = options.pid != 0 ? TracedThread::attach(options.pid) : TracedThread::start(options.command);
  if (!thread) {
    return std::unexpected(thread.error());
  }
  if (options.after_ms != 0 && !thread->run_for(std::chrono::milliseconds(options.after_ms))) {
    return make_error("cannot record a case", "the program has ended");
  }
  LiveProcess process(thread->tid());
  return record(options, *thread, process);
}

}  // namespace
}  // namespace stoker::replay

int main(int count, char** arguments) {
  using namespace stoker::replay;
  const auto options = parse({arguments + 1, arguments + count});
  if (!options) {
    std::cerr
        << "usage: record_case [OPTION…] (--pid N | -- COMMAND…); its source says what options there are\n";
    return 2;
  }
  const auto done = run(*options);
  if (!done) {
    std::cerr << done.error().message() << "\n";
    return 1;
  }
  return 0;
}
