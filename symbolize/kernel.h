// The kernel's own symbols: /proc/kallsyms (kernel proper, modules, BPF programs "bpf_prog_<tag>_<name>").
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace stoker::symbolize {

// Read once and kept compact: 16 bytes and the name's text per symbol of code. Immutable once read.
class KernelSymbols {
 public:
  // path: /proc/kallsyms, or a file of the same form: "ffffffff81000000 T _text\n", a module's symbols with a
  // tab and "[module]" behind. An error when it cannot be read; not when the kernel hides addresses.
  static Result<KernelSymbols> read(const std::string& path = "/proc/kallsyms");

  struct Found {
    std::string_view name;
    std::string_view module;  // "" for the kernel proper, "bpf" for BPF programs
    std::uint64_t start = 0;
  };
  // kallsyms has no sizes: a symbol runs to the next one, of data too. Empty name where no code is known.
  Found find(std::uint64_t address) const;

  // Whether the address is the kernel proper's: its symbols do not change while it runs, those of modules and
  // BPF programs do.
  bool is_proper(std::uint64_t address) const { return address >= proper_start_ && address <= proper_end_; }

  // The kernel printed zeros for addresses (kernel.kptr_restrict, kernel.perf_event_paranoid).
  bool hidden() const { return hidden_; }
  std::size_t size() const { return entries_.size(); }
  std::size_t memory_bytes() const { return entries_.capacity() * sizeof(Entry) + text_.capacity(); }

 private:
  struct Line;
  // name: of the NUL-ended text in text_; 0 (an empty one) ends the entry before it.
  struct Entry {
    std::uint64_t address;
    std::uint32_t name;
    std::uint32_t module;
  };

  void add(const Line& line);
  void sort();
  std::uint32_t module_index(std::string_view module);
  std::string_view name(const Entry& entry) const { return text_.data() + entry.name; }

  std::vector<Entry> entries_;
  std::vector<std::string> modules_{""};
  std::string text_ = std::string(1, '\0');
  std::uint64_t proper_start_ = 1;  // first and last symbol of code without a module; none: 1 and 0
  std::uint64_t proper_end_ = 0;
  bool hidden_ = false;
};

}  // namespace stoker::symbolize
