// The stacks that crossed the ring, by hash, for the samples that carry only that.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "bpf/shared/record.h"

namespace stoker::agent {

// Pipeline thread only. Stacks not used during the last full window are forgotten at its end; the kernel side sends
// every stack again in each epoch, and an epoch begins with each window.
class StackCache {
 public:
  struct RawStack {
    std::uint16_t kernel_frames = 0;
    std::uint8_t user_end = 0;
    std::uint32_t last_used = 0;           // window number
    std::vector<std::uint64_t> addresses;  // kernel's, then the user's, leaf first

    std::span<const std::uint64_t> kernel() const { return std::span(addresses).first(kernel_frames); }
    std::span<const std::uint64_t> user() const { return std::span(addresses).subspan(kernel_frames); }
  };

  // The stack of a record: the one it carries, kept under its hash, or the one kept before. Null when that was lost.
  // frames: the addresses that follow the record.
  const RawStack* find(const sample_record& record, ByteView frames);

  void next_window();
  std::size_t size() const { return stacks_.size(); }

 private:
  std::unordered_map<std::uint64_t, RawStack> stacks_;
  std::uint32_t window_ = 1;
};

}  // namespace stoker::agent
