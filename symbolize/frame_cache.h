// Answers already given, by file and address: the same hot code is asked for in every window.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "symbolize/symbolizer.h"

namespace stoker::symbolize {

// Each text is kept once; an address costs 24 bytes and 20 a frame. When the limit is reached everything is
// forgotten at once: cheaper than an order of use for what is quickly asked again. One thread's.
class FrameCache {
 public:
  explicit FrameCache(std::uint64_t limit_bytes);

  // Copies the frames into the first places of out, which keeps its strings' memory for the next call; their
  // number, or nullopt when the address is not known here.
  std::optional<std::size_t> find(std::uint32_t file, std::uint64_t address,
                                  std::vector<SourceFrame>& out) const;

  void insert(std::uint32_t file, std::uint64_t address, std::span<const SourceFrame> frames);
  void clear();

  std::size_t memory_bytes() const;

 private:
  struct Frame {
    std::uint32_t function;
    std::uint32_t system_name;
    std::uint32_t file;
    std::uint32_t line;
    std::uint32_t start_line;
  };
  struct Slot {
    std::uint64_t address = 0;
    std::uint32_t file = 0;  // 0: free (files count from 1)
    std::uint32_t first = 0;
    std::uint32_t count = 0;
  };
  // Texts are compared where they lie: an offset in text_ to a 4-byte length and the bytes.
  struct TextHash {
    using is_transparent = void;
    const FrameCache* cache;
    std::size_t operator()(std::uint32_t offset) const { return (*this)(cache->text(offset)); }
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  struct TextEqual {
    using is_transparent = void;
    const FrameCache* cache;
    bool operator()(std::uint32_t a, std::uint32_t b) const { return a == b; }
    bool operator()(std::string_view a, std::uint32_t b) const { return a == cache->text(b); }
    bool operator()(std::uint32_t a, std::string_view b) const { return cache->text(a) == b; }
  };

  std::string_view text(std::uint32_t offset) const;
  std::uint32_t intern(std::string_view text);
  std::size_t place_of(std::uint32_t file, std::uint64_t address) const;
  void grow();

  std::uint64_t limit_;
  std::vector<Slot> slots_;  // open addressing, a power of two
  std::size_t used_ = 0;
  std::vector<Frame> frames_;
  std::string text_;
  std::unordered_set<std::uint32_t, TextHash, TextEqual> texts_;
};

}  // namespace stoker::symbolize
