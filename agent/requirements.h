// What the agent needs from the kernel and its caller, and how this host stands.
#pragma once

#include <string>
#include <vector>

namespace stoker::agent {

enum class Standing { kGood, kLimited, kMissing };

struct Requirement {
  std::string name;  // "BTF"
  Standing standing = Standing::kGood;
  std::string found;   // "/sys/kernel/btf/vmlinux, 5.3 MiB"
  std::string advice;  // for what is limited or missing: what is lost, and what to do
};

// Asks the running kernel; tries rather than compares version numbers. Takes well below a second.
std::vector<Requirement> check_requirements();

}  // namespace stoker::agent
