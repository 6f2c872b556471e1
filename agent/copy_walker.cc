#include "agent/copy_walker.h"

#include <sys/uio.h>

#include <cstring>
#include <utility>

#include "bpf/shared/stats.h"
#include "elf/host_machine.h"
#include "unwind/walker.h"

namespace stoker::agent {
namespace {

// Of copies that wait for tables. The oldest are walked as far as tables reach when more come.
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
    missing_ |= tables.state == TableState::kBuilding;
    no_room_ = tables.state == TableState::kNoRoom;
    place.row = tables.state == TableState::kReady ? tables_.row(tables, resolved.address) : unwind_row{};
    tables.last_used = monotonic_now();
    return place;
  }

  bool missing() const { return missing_; }
  bool no_room() const { return no_room_; }  // for the table of the last frame
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
  bool missing_ = false;
  bool no_room_ = false;
  bool past_copy_ = false;
};

}  // namespace

CopyWalker::CopyWalker(discovery::ProcessTable& processes, TableStore& tables, Deliver deliver)
    : processes_(processes), tables_(tables), deliver_(std::move(deliver)) {}

bool CopyWalker::walk(CopiedSample& sample, bool last) {
  CopySource source(sample, processes_, tables_);
  unwind::Registers registers;
  for (unsigned number = 0; number < std::size(sample.copy.registers); ++number) {
    registers.set(number, sample.copy.registers[number]);
  }
  unwind::WalkOptions options;
  options.machine = elf::kHostMachine;
  const unwind::Walk walked = unwind::walk(registers, source, options);
  if (source.missing() && !last) {
    return false;
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
  }
  deliver_(sample, stack);
  return true;
}

void CopyWalker::take(CopiedSample sample) {
  if (walk(sample, false)) {
    return;
  }
  waiting_bytes_ += sample.stack.size();
  waiting_.push_back(std::move(sample));
  while (waiting_bytes_ > kMostWaitingBytes) {
    waiting_bytes_ -= waiting_.front().stack.size();
    walk(waiting_.front(), true);
    waiting_.pop_front();
  }
}

void CopyWalker::retry(bool last) {
  std::deque<CopiedSample> samples = std::exchange(waiting_, {});
  waiting_bytes_ = 0;
  for (CopiedSample& sample : samples) {
    if (!walk(sample, last)) {
      waiting_bytes_ += sample.stack.size();
      waiting_.push_back(std::move(sample));
    }
  }
}

}  // namespace stoker::agent
