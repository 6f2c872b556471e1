// A perf event's ring buffer of records (perf_event_open(2), "MMAP layout").
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/unique_fd.h"

namespace stoker::discovery {

// The reader's half of the ring, on any memory. data: a power of two of bytes. Calls visit(record) for each
// record in [tail, head), those that wrap around copied into scratch, and returns the new tail: head, or
// beyond a record whose size makes no sense, head with broken set to true.
std::uint64_t read_records(ByteView data, std::uint64_t tail, std::uint64_t head,
                           std::vector<std::byte>& scratch, const std::function<void(ByteView)>& visit,
                           bool& broken);

// Owns event and mapping.
class PerfRing {
 public:
  // bytes: a power of two of pages; halved as long as the kernel refuses for lack of locked memory.
  static Result<PerfRing> map(UniqueFd event, std::size_t bytes);

  PerfRing(PerfRing&& other) noexcept;
  PerfRing& operator=(PerfRing&& other) noexcept;
  PerfRing(const PerfRing&) = delete;
  PerfRing& operator=(const PerfRing&) = delete;
  ~PerfRing();

  int fd() const { return event_.get(); }

  // All records there are; the view ends with visit's return. False when the ring was broken and skipped to
  // its end.
  bool drain(std::vector<std::byte>& scratch, const std::function<void(ByteView)>& visit);

 private:
  PerfRing(UniqueFd event, std::byte* base, std::size_t bytes)
      : event_(std::move(event)), base_(base), bytes_(bytes) {}

  UniqueFd event_;
  std::byte* base_ = nullptr;  // the control page, then bytes_ of data
  std::size_t bytes_ = 0;
};

}  // namespace stoker::discovery
