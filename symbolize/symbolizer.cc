#include "symbolize/symbolizer.h"

#include <algorithm>
#include <list>
#include <optional>
#include <unordered_map>
#include <utility>

#include "symbolize/code_names.h"
#include "symbolize/complaints.h"
#include "symbolize/debug_files.h"
#include "symbolize/file_symbols.h"
#include "symbolize/frame_cache.h"
#include "symbolize/kernel.h"
#include "symbolize/process_code.h"

namespace stoker::symbolize {
namespace {

// Of the memory budget, for answers already given: an eighth, and no more than what some hundred thousand
// addresses need.
constexpr std::uint64_t kCacheShare = 8;
constexpr std::uint64_t kLargestCache = 8 << 20;

// The kernel's answers have a cache of their own, which new modules empty.
constexpr std::uint64_t kKernelCache = 1 << 20;
constexpr std::uint32_t kKernelFile = 1;

// For names of BPF programs that were seen to be loaded: some thousands. As /proc/kallsyms has it for them.
constexpr std::size_t kMostLoadedCode = 512 << 10;
constexpr const char* kBpfModule = "bpf";

// One process's code may be named by this part of the budget, and the kernel's list leaves this part to all others: it
// is needed in every window, so that it is never given up.
constexpr std::uint64_t kProcessShare = 4;
constexpr std::uint64_t kLeastShare = 2;

// Processes that make code while they run, on one host.
constexpr std::size_t kMostProcesses = 256;

constexpr const char* kHiddenAdvice =
    "kernel function names are hidden (kernel.kptr_restrict): give the agent CAP_SYSLOG, or run "
    "sysctl kernel.kptr_restrict=0";

}  // namespace

class Symbolizer::Impl {
 public:
  explicit Impl(Options options)
      : options_(std::move(options)),
        debuginfod_(Debuginfod::start(options_.debuginfod)),
        finder_(options_.debug_directories, complaints_, debuginfod_.get()),
        cache_(std::min(options_.memory_budget / kCacheShare, kLargestCache)) {}

  std::span<const SourceFrame> symbolize(const elf::BinaryPtr& binary, elf::ElfAddress address) {
    if (binary == nullptr || binary->elf == nullptr) {
      return {};
    }
    if (debuginfod_ != nullptr && debuginfod_->take_news()) {
      forget_files();
    }
    if (const auto known = cache_.find(binary->id, address.value, answer_)) {
      return std::span(answer_).first(*known);
    }
    File& file = file_of(binary);
    file.symbols->find(address, found_);
    cache_.insert(binary->id, address.value, found_);
    count(file);
    make_room(options_.memory_budget);
    return found_;
  }

  std::span<const SourceFrame> symbolize_kernel(std::uint64_t address) {
    const KernelSymbols* symbols = kernel(address);
    if (const auto known = kernel_cache_.find(kKernelFile, address, answer_)) {
      return std::span(answer_).first(*known);
    }
    found_.clear();
    if (const std::string_view name = loaded_code_.find(address); !name.empty()) {
      found_.push_back({.function = std::string(name), .system_name = std::string(name)});
    } else if (symbols == nullptr || symbols->hidden()) {
      found_.push_back({.function = "[kernel]", .system_name = "[kernel]"});
    } else if (const auto found = symbols->find(address); !found.name.empty()) {
      found_.push_back({.function = demangle(found.name, Demangle::kNone, options_.suffixes),
                        .system_name = std::string(found.name)});
    }
    kernel_cache_.insert(kKernelFile, address, found_);
    return found_;
  }

  std::string kernel_module(std::uint64_t address) {
    if (!loaded_code_.find(address).empty()) {
      return kBpfModule;
    }
    const KernelSymbols* symbols = kernel(address);
    return symbols == nullptr ? std::string{} : std::string(symbols->find(address).module);
  }

  std::string kernel_hint() {
    kernel(0);
    return kernel_hint_;
  }

  void drop_pages(const elf::BinaryPtr& binary) {
    if (const auto known = by_id_.find(binary->id); known != by_id_.end()) {
      known->second->symbols->drop_pages();
    } else if (binary->elf != nullptr) {
      binary->elf->drop_pages();
    }
  }

  std::uint64_t memory_bytes() const { return held() + kernel_bytes(); }

  void rest() {
    ++clock_;  // nothing was asked for last
    make_room(std::min(options_.resting_budget, options_.memory_budget));
  }

  void refresh_kernel() { kernel_stale_ = true; }

  void add_kernel_code(std::uint64_t address, std::uint64_t size, std::string_view name) {
    // Those that are still there are in the kernel's own list.
    if (loaded_code_.memory_bytes() > kMostLoadedCode / 2) {
      loaded_code_.clear();
    }
    loaded_code_.add(address, size, name);
    kernel_cache_.clear();
  }

  std::span<const SourceFrame> symbolize_process(const CodeOwner& owner, elf::RunAddress address) {
    Process& process = process_of(owner);
    const std::string name(process.code.find(owner, address, complaints_));
    count(process);
    make_room(options_.memory_budget);
    found_.assign(1, {.function = demangle(name, options_.demangle, options_.suffixes), .system_name = name});
    return found_;
  }

 private:
  struct File {
    elf::BinaryPtr binary;
    std::unique_ptr<FileSymbols> symbols;
    std::uint64_t bytes = 0;
    std::uint64_t used = 0;  // clock_ at the last address
    std::uint64_t memory_bytes() const { return symbols->memory_bytes(); }
  };
  using Files = std::list<File>;  // most recently used first
  struct Process {
    pid_t pid;
    std::uint64_t image;
    ProcessCode code;
    std::uint64_t bytes = 0;
    std::uint64_t used = 0;
    std::uint64_t memory_bytes() const { return code.memory_bytes(); }
  };

  File& file_of(const elf::BinaryPtr& binary) {
    if (const auto known = by_id_.find(binary->id); known != by_id_.end()) {
      files_.splice(files_.begin(), files_, known->second);
    } else {
      files_.push_front({binary, std::make_unique<FileSymbols>(binary, options_, finder_, complaints_)});
      by_id_.emplace(binary->id, files_.begin());
    }
    files_.front().used = ++clock_;
    return files_.front();
  }

  Process& process_of(const CodeOwner& owner) {
    if (const auto known = std::ranges::find(processes_, owner.pid, &Process::pid);
        known != processes_.end()) {
      processes_.splice(processes_.begin(), processes_, known);
      if (known->image != owner.image) {
        forget_process(known);
      }
    }
    if (processes_.empty() || processes_.front().pid != owner.pid) {
      if (processes_.size() >= kMostProcesses) {
        forget_process(std::prev(processes_.end()));
      }
      processes_.push_front({owner.pid, owner.image, ProcessCode(options_.memory_budget / kProcessShare)});
    }
    processes_.front().used = ++clock_;
    return processes_.front();
  }

  void forget_files() {
    cache_.clear();
    while (!files_.empty()) {
      forget_last_file();
    }
  }
  void forget_last_file() {
    bytes_ -= files_.back().bytes;
    by_id_.erase(files_.back().binary->id);
    files_.pop_back();
  }
  void forget_process(std::list<Process>::iterator process) {
    bytes_ -= process->bytes;
    processes_.erase(process);
  }

  // Over budget, files that were not asked for lately give up first their lines; then files and processes go whole,
  // the least recently used first. What was asked for last stays.
  void make_room(std::uint64_t budget) {
    for (auto last = files_.rbegin(); is_over(budget) && last != files_.rend(); ++last) {
      last->symbols->trim();
      count(*last);
    }
    while (is_over(budget)) {
      const std::uint64_t file = files_.empty() ? clock_ : files_.back().used;
      const std::uint64_t process = processes_.empty() ? clock_ : processes_.back().used;
      if (file == clock_ && process == clock_) {
        break;
      }
      if (file < process) {
        forget_last_file();
      } else {
        forget_process(std::prev(processes_.end()));
      }
    }
  }

  template <typename T>
  void count(T& user) {
    const std::uint64_t now = user.memory_bytes();
    bytes_ += now - user.bytes;
    user.bytes = now;
  }

  std::uint64_t kernel_bytes() const {
    return kernel_cache_.memory_bytes() + loaded_code_.memory_bytes() +
           (kernel_ ? kernel_->memory_bytes() : 0);
  }
  // By all but the kernel's list.
  std::uint64_t held() const { return bytes_ + cache_.memory_bytes(); }
  bool is_over(std::uint64_t budget) const {
    return held() > std::max(budget - std::min(budget, kernel_bytes()), budget / kLeastShare);
  }

  // The list as far as it is needed for this address; null when it cannot be read.
  const KernelSymbols* kernel(std::uint64_t address) {
    const bool changed = kernel_stale_ && address != 0 && !(kernel_ && kernel_->is_proper(address));
    if (kernel_read_ && !changed) {
      return kernel_ ? &*kernel_ : nullptr;
    }
    kernel_read_ = true;
    kernel_stale_ = false;
    kernel_cache_.clear();
    kernel_.reset();
    auto symbols = KernelSymbols::read(options_.kallsyms_path);
    if (!symbols) {
      kernel_hint_ = symbols.error().message();
      return nullptr;
    }
    kernel_ = *std::move(symbols);
    kernel_hint_ = kernel_->hidden() ? kHiddenAdvice : "";
    return &*kernel_;
  }

  const Options options_;
  Complaints complaints_;
  std::unique_ptr<Debuginfod> debuginfod_;
  DebugFileFinder finder_;
  FrameCache cache_;
  Files files_;
  std::unordered_map<std::uint32_t, Files::iterator> by_id_;
  std::uint64_t bytes_ = 0;  // of files and processes
  std::uint64_t clock_ = 0;
  std::optional<KernelSymbols> kernel_;
  FrameCache kernel_cache_{kKernelCache};
  CodeNames loaded_code_{kMostLoadedCode};  // of the kernel's half
  bool kernel_read_ = false;
  bool kernel_stale_ = false;
  std::string kernel_hint_;
  std::list<Process> processes_;     // most recently used first
  std::vector<SourceFrame> answer_;  // from the cache; only grows, so that its strings keep their memory
  std::vector<SourceFrame> found_;
};

Symbolizer::Symbolizer(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Symbolizer::~Symbolizer() = default;

std::span<const SourceFrame> Symbolizer::symbolize(const elf::BinaryPtr& binary, elf::ElfAddress address) {
  return impl_->symbolize(binary, address);
}

std::span<const SourceFrame> Symbolizer::symbolize_kernel(std::uint64_t address) {
  return impl_->symbolize_kernel(address);
}

std::string Symbolizer::kernel_module(std::uint64_t address) {
  return impl_->kernel_module(address);
}

std::string Symbolizer::kernel_hint() {
  return impl_->kernel_hint();
}

void Symbolizer::add_kernel_code(std::uint64_t address, std::uint64_t size, std::string_view name) {
  impl_->add_kernel_code(address, size, name);
}

void Symbolizer::refresh_kernel() {
  impl_->refresh_kernel();
}

std::span<const SourceFrame> Symbolizer::symbolize_process(const CodeOwner& owner, elf::RunAddress address) {
  return impl_->symbolize_process(owner, address);
}

void Symbolizer::rest() {
  impl_->rest();
}

void Symbolizer::drop_pages(const elf::BinaryPtr& binary) {
  impl_->drop_pages(binary);
}

std::uint64_t Symbolizer::memory_bytes() const {
  return impl_->memory_bytes();
}

}  // namespace stoker::symbolize
