// The samples of one window, counted by process and stack, with addresses already found in files but not yet named.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "discovery/containers.h"
#include "elf/address.h"
#include "elf/binary.h"
#include "profile/intern.h"
#include "profile/profile.h"
#include "symbolize/code_owner.h"

namespace stoker::agent {

// One frame of a sampled stack. Which fields count depends on kind:
//   kNative  binary (index into Window::binaries; kNoBinary: in no mapping) and address, as Resolved has it
//   kKernel  address: run address
//   kMarker  address: the STAT_cut_… that names it
//   kRuntime code in no file (a JIT's): binary names the memory ("[anon]"), address is the run address, pid whose
struct MappedFrame {
  static constexpr std::uint32_t kNoBinary = 0xffffffff;

  std::uint64_t address = 0;
  std::uint32_t binary = kNoBinary;
  pid_t pid = 0;
  profile::FrameKind kind = profile::FrameKind::kNative;
  bool operator==(const MappedFrame&) const = default;
};

struct SampledProcess {
  pid_t pid = 0;
  std::uint64_t image = 0;
  std::string comm;
  std::string exe;
  discovery::ContainerId container;
};

// A BPF program that was loaded during the window: it may be gone when the window is named.
struct KernelCode {
  std::uint64_t address = 0;
  std::uint64_t size = 0;
  std::string name;
};

// How often one stack of one thread name of one process was seen.
struct Cell {
  std::uint32_t process = 0;  // index into processes
  std::uint32_t stack = 0;    // index into stacks
  std::uint32_t thread = 0;   // index into thread_names
  std::uint64_t samples = 0;
};

// Plain data once it is cut; made by WindowBuilder.
struct Window {
  WallTime start;
  Nanoseconds duration{0};
  std::uint64_t samples = 0;
  std::vector<elf::BinaryPtr> binaries;
  std::vector<SampledProcess> processes;
  std::vector<std::string> thread_names;
  std::vector<MappedFrame> frames;  // all stacks' frames, leaf first
  struct Stack {
    std::uint32_t first = 0;
    std::uint32_t count = 0;
  };
  std::vector<Stack> stacks;
  std::vector<Cell> cells;
  std::vector<KernelCode> kernel_code;  // in order of time
  // Of kRuntime frames, each process's last image; without root if it could not be looked at.
  std::unordered_map<pid_t, symbolize::CodeOwner> code_owners;

  std::span<const MappedFrame> frames_of(const Stack& stack) const {
    return std::span(frames).subspan(stack.first, stack.count);
  }
};

// Fills one Window after the other. Pipeline thread only.
class WindowBuilder {
 public:
  explicit WindowBuilder(WallTime start, MonotonicTime now) { begin(start, now); }

  // What a sample is counted under. A key seen before in this window costs one lookup.
  struct Key {
    std::uint64_t image = 0;
    std::uint64_t stack_hash = 0;
    std::uint64_t thread_hash = 0;  // of the thread's name
    bool operator==(const Key&) const = default;
  };

  // Counts one more sample of a known key. False: the key is new, add() it.
  bool count(const Key& key);
  void add(const Key& key, const SampledProcess& process, std::string_view thread_name,
           std::span<const MappedFrame> frames);

  bool has_process(std::uint64_t image) const { return process_index_.contains(image); }
  std::uint32_t binary_index(const elf::BinaryPtr& binary);
  // Whether the process was added in this window, under that image.
  bool has_code_owner(pid_t pid, std::uint64_t image) const;
  // Keeps kMostRoots of a window, since each is an open directory.
  void add_code_owner(symbolize::CodeOwner owner);
  // It mapped a jitdump after its first sample.
  void found_dump(pid_t pid, const std::string& path);
  // kMostKernelCode of a window; more are left to the kernel's own list.
  void add_kernel_code(KernelCode code);

  std::uint64_t samples() const { return window_.samples; }
  std::size_t processes() const { return window_.processes.size(); }

  // Hands over what was collected and begins the next window.
  Window cut(WallTime now_wall, MonotonicTime now);

 private:
  static constexpr std::size_t kMostKernelCode = 4096;
  static constexpr std::size_t kMostRoots = 256;

  struct KeyHash {
    std::size_t operator()(const Key& key) const {
      return static_cast<std::size_t>(key.stack_hash ^ (key.image * 0x9e3779b97f4a7c15ull) ^ key.thread_hash);
    }
  };

  void begin(WallTime start, MonotonicTime now);
  std::uint32_t intern_stack(std::span<const MappedFrame> frames);
  std::uint32_t intern_thread(std::string_view name);

  Window window_;
  MonotonicTime started_;
  std::unordered_map<Key, std::uint32_t, KeyHash> cells_;
  std::unordered_map<std::uint64_t, std::uint32_t> process_index_;
  std::unordered_map<const elf::Binary*, std::uint32_t> binary_index_;
  std::unordered_map<std::string, std::uint32_t> thread_index_;
  profile::HashIndex stack_index_;
};

}  // namespace stoker::agent
