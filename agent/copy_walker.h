// Stacks that came as a copy of memory because a table was not loaded yet: walked here on the same tables.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

#include "agent/stack_packer.h"
#include "agent/table_store.h"
#include "base/bytes.h"
#include "bpf/shared/record.h"
#include "discovery/processes.h"

namespace stoker::agent {

// A sample whose stack is still to be walked.
struct CopiedSample {
  sample_record record{};
  std::vector<std::uint64_t> kernel_frames;
  user_stack_copy copy{};
  std::vector<std::byte> stack;
  discovery::Process process;  // as it was at the sample's time
};

// What a walk gives: addresses as in a record (FRAME_EXACT), leaf first, and how it ended (0 or a STAT_cut_…).
struct WalkedStack {
  std::vector<std::uint64_t> frames;
  std::uint8_t end = 0;
};

// Pipeline thread only.
class CopyWalker {
 public:
  using Deliver = std::function<void(CopiedSample& sample, const WalkedStack& stack)>;

  CopyWalker(discovery::ProcessTable& processes, TableStore& tables, Deliver deliver);

  // Walks it at once if all tables are there, else asks for them and keeps the sample.
  void take(CopiedSample sample);
  // Tries those that wait again; to be called when tables were finished. last: delivers them all, whole or not.
  void retry(bool last = false);
  bool waiting() const { return !waiting_.empty(); }

 private:
  // One whose stack is packed.
  struct Waiting {
    CopiedSample sample;
    std::size_t stack_size = 0;
    elf::BinaryPtr table_of;  // what it waits for
    std::size_t bytes() const;
  };

  // The file whose table is being built that the walk needs; null when it is done.
  elf::BinaryPtr walk(CopiedSample& sample, bool last);
  void keep(CopiedSample sample, elf::BinaryPtr table_of);
  elf::BinaryPtr walk_again(Waiting& waiting, bool last);

  discovery::ProcessTable& processes_;
  TableStore& tables_;
  Deliver deliver_;
  StackPacker packer_;
  std::deque<Waiting> waiting_;
  std::size_t waiting_bytes_ = 0;
};

}  // namespace stoker::agent
