#include "agent/stack_cache.h"

#include <cstring>

namespace stoker::agent {

const StackCache::RawStack* StackCache::find(const sample_record& record, ByteView frames) {
  if ((record.flags & SAMPLE_HAS_STACK) == 0) {
    const auto found = stacks_.find(record.stack_hash);
    if (found == stacks_.end()) {
      return nullptr;
    }
    found->second.last_used = window_;
    return &found->second;
  }
  RawStack& stack = stacks_[record.stack_hash];
  stack.kernel_frames = record.kernel_frames;
  stack.user_end = record.user_end;
  stack.last_used = window_;
  stack.addresses.resize(frames.size() / sizeof(std::uint64_t));
  std::memcpy(stack.addresses.data(), frames.data(), stack.addresses.size() * sizeof(std::uint64_t));
  return &stack;
}

void StackCache::next_window() {
  std::erase_if(stacks_, [this](const auto& entry) { return entry.second.last_used < window_; });
  ++window_;
}

}  // namespace stoker::agent
