// replay_case FILE…: prints the stack that each case holds, and where the walkers find another one. For a debugger: break
// at host_walk_x86 or walk_step.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/replay/walk_case.h"

namespace stoker::replay {
namespace {

// Returns whether the walker found what is true.
bool compare(const char* who, const WalkCase& one, const Walked& walked) {
  const Walked truth = one.truth();
  if (walked == truth) {
    return true;
  }
  const auto differ = std::ranges::mismatch(walked.frames, truth.frames);
  fmt::print("{}: {} frames, end {}; the first {} are right", who, walked.frames.size(), walked.end,
             differ.in1 - walked.frames.begin());
  if (differ.in1 != walked.frames.end()) {
    fmt::print(", then comes {:x}", *differ.in1 & ~FRAME_EXACT);
  }
  fmt::print("\n");
  return false;
}

bool replay(const char* path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto one = parse_case(text);
  if (!one) {
    fmt::print(stderr, "{}: {}\n", path, one.error().message());
    return false;
  }
  fmt::print("{}: {}\n", path, one->about);
  for (const CaseFrame& frame : one->frames) {
    fmt::print("  {:016x}{} {}\n", frame.pc & ~FRAME_EXACT, frame.pc & FRAME_EXACT ? "!" : " ", frame.name);
  }
  fmt::print("  end {}\n", one->end);
  CaseProcess process(*one);
  const bool bpf = compare("BPF walk", *one, process.walk_as_bpf(one->registers));
  const bool user_space = compare("user-space walk", *one, process.walk_as_user_space(one->registers));
  return bpf && user_space;
}

}  // namespace
}  // namespace stoker::replay

int main(int count, char** arguments) {
  if (count < 2) {
    fmt::print(stderr, "usage: replay_case FILE…\n");
    return 2;
  }
  bool good = true;
  for (int i = 1; i < count; ++i) {
    good = stoker::replay::replay(arguments[i]) && good;
  }
  return good ? 0 : 1;
}
