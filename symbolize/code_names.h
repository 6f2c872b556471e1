// Names of code that appears while a process runs: later entries override what they overlap.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace stoker::symbolize {

// One process's. Bounded: once most_bytes are held new code stays unnamed.
class CodeNames {
 public:
  static constexpr std::size_t kMostBytes = 64 << 20;
  explicit CodeNames(std::size_t most_bytes = kMostBytes) : most_bytes_(most_bytes) {}

  // [start, start + size) is now called name; whatever was there keeps the parts that are not covered.
  void add(std::uint64_t start, std::uint64_t size, std::string_view name);

  // "" where nothing is.
  std::string_view find(std::uint64_t address) const;

  void clear();
  std::size_t size() const { return pieces_.size(); }
  std::size_t memory_bytes() const;

 private:
  struct Piece {
    std::uint64_t end;
    std::uint32_t text;
    std::uint32_t length;
  };
  std::size_t most_bytes_;
  std::map<std::uint64_t, Piece> pieces_;  // by start, apart
  std::string text_;
};

}  // namespace stoker::symbolize
