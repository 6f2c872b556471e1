#include "agent/copy_walker.h"

#include <sys/uio.h>

#include <cstring>
#include <utility>

#include "bpf/shared/stats.h"
#include "elf/host_machine.h"
#include "unwind/walker.h"

namespace stoker::agent {
namespace {

// Of copies that wait for tables, packed. The oldest are walked as far as tables reach when more come.
constexpr std::size_t kMostWaitingBytes = 8 << 20;

// The process as the copy shows it.
class CopySource : public unwind::WalkSource {
 public:
  CopySource(CopiedSample& sample, discovery::ProcessTable& processes, TableStore& tables)
      : sample_(sample), processes_(processes), tables_(tables) {}

  bool read(std::uint64_t address, std::span<std::byte> out) override {
    const ByteView stack = slice(sample_.stack, address - sample_.copy.start, out.size());
    if (address >= sample_.copy.start && stack.size() == out.size()) {
      std::memcpy(out.data(), stack.data(), out.size());
      return true;
    }
    past_copy_ |= address >= sample_.copy.start + sample_.stack.size();
    // Code does not change: what lies in executable memory may be read now. A stack may not.
    return sample_.process.mappings.find({address}).has_value() && read_live(address, out);
  }

  std::optional<unwind::CodePlace> find(std::uint64_t pc) override {
    const discovery::Resolved resolved = processes_.resolve(sample_.process, {pc});
    if (!resolved) {
      return std::nullopt;
    }
    const elf::Binary& binary = *resolved.binary;
    unwind::CodePlace place{.row = {}, .table = nullptr, .address = resolved.address};
    if (binary.elf == nullptr) {
      if (!binary.path.starts_with('[') || binary.path == "[vsyscall]") {
        place.row = unwind_row{};  // a file that cannot be read: nothing is known of its code
      }
      return place;  // memory of a JIT: by frame pointer
    }
    tables_.request(resolved.binary);
    FileTables& tables = tables_.of(binary);
    if (tables.state == TableState::kBuilding && missing_ == nullptr) {
      missing_ = resolved.binary;
    }
    no_room_ = tables.state == TableState::kNoRoom;
    place.row = tables.state == TableState::kReady ? tables_.row(tables, resolved.address) : unwind_row{};
    tables.last_used = monotonic_now();
    return place;
  }

  const elf::BinaryPtr& missing() const { return missing_; }  // whose table is being built
  bool no_room() const { return no_room_; }                   // for the table of the last frame
  bool past_copy() const { return past_copy_; }

 private:
  bool read_live(std::uint64_t address, std::span<std::byte> out) const {
    iovec local{out.data(), out.size()};
    iovec remote{reinterpret_cast<void*>(address), out.size()};
    return ::process_vm_readv(sample_.process.pid, &local, 1, &remote, 1, 0) ==
           static_cast<ssize_t>(out.size());
  }

  CopiedSample& sample_;
  discovery::ProcessTable& processes_;
  TableStore& tables_;
  elf::BinaryPtr missing_;
  bool no_room_ = false;
  bool past_copy_ = false;
};

}  // namespace

CopyWalker::CopyWalker(discovery::ProcessTable& processes, TableStore& tables, Deliver deliver)
    : processes_(processes), tables_(tables), deliver_(std::move(deliver)) {}

elf::BinaryPtr CopyWalker::walk(CopiedSample& sample, bool last) {
  CopySource source(sample, processes_, tables_);
  unwind::Registers registers;
  for (unsigned number = 0; number < std::size(sample.copy.registers); ++number) {
    registers.set(number, sample.copy.registers[number]);
  }
  unwind::WalkOptions options;
  options.machine = elf::kHostMachine;
  const unwind::Walk walked = unwind::walk(registers, source, options);
  if (source.missing() != nullptr && !last) {
    return source.missing();
  }
  WalkedStack stack;
  stack.frames.reserve(walked.frames.size());
  for (const unwind::WalkFrame& frame : walked.frames) {
    stack.frames.push_back(frame.exact ? frame.pc | FRAME_EXACT : frame.pc);
  }
  stack.end = unwind::to_stat(walked.end);
  if (stack.end == STAT_cut_unreadable && source.past_copy() && sample.stack.size() + 4096 > STACK_COPY_MAX) {
    stack.end = STAT_cut_copy_end;
  }
  if (stack.end == STAT_cut_no_rule && source.no_room()) {
    stack.end = STAT_cut_no_room;
  } else if (stack.end == STAT_cut_no_rule && source.missing() != nullptr) {
    stack.end = STAT_cut_table_late;
  }
  deliver_(sample, stack);
  return nullptr;
}

void CopyWalker::take(CopiedSample sample) {
  if (elf::BinaryPtr table_of = walk(sample, false)) {
    keep(std::move(sample), std::move(table_of));
  }
  while (waiting_bytes_ > kMostWaitingBytes) {
    waiting_bytes_ -= waiting_.front().bytes();
    walk_again(waiting_.front(), true);
    waiting_.pop_front();
  }
}

std::size_t CopyWalker::Waiting::bytes() const {
  return sizeof(*this) + sample.stack.size() + sample.kernel_frames.size() * sizeof(std::uint64_t);
}

void CopyWalker::keep(CopiedSample sample, elf::BinaryPtr table_of) {
  Waiting waiting{.sample = std::move(sample), .table_of = std::move(table_of)};
  waiting.stack_size = waiting.sample.stack.size();
  waiting.sample.stack = packer_.pack(waiting.sample.stack);
  waiting_bytes_ += waiting.bytes();
  waiting_.push_back(std::move(waiting));
}

elf::BinaryPtr CopyWalker::walk_again(Waiting& waiting, bool last) {
  std::vector<std::byte> packed = std::exchange(waiting.sample.stack, {});
  waiting.sample.stack = packer_.unpack(packed, waiting.stack_size);
  elf::BinaryPtr table_of = walk(waiting.sample, last);
  waiting.sample.stack = std::move(packed);
  return table_of;
}

void CopyWalker::retry(bool last) {
  waiting_bytes_ = 0;
  std::erase_if(waiting_, [&](Waiting& waiting) {
    if (last || tables_.of(*waiting.table_of).state != TableState::kBuilding) {
      waiting.table_of = walk_again(waiting, last);
    }
    waiting_bytes_ += waiting.table_of != nullptr ? waiting.bytes() : 0;
    return waiting.table_of == nullptr;
  });
  if (waiting_.empty()) {
    packer_.rest();
  }
}

}  // namespace stoker::agent
