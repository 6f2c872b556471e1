#include "discovery/perf_ring.h"

#include <linux/perf_event.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

namespace stoker::discovery {
namespace {

std::size_t page_size() {
  static const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

}  // namespace

std::uint64_t read_records(ByteView data, std::uint64_t tail, std::uint64_t head,
                           std::vector<std::byte>& scratch, const std::function<void(ByteView)>& visit,
                           bool& broken) {
  broken = data.empty() || head < tail || head - tail > data.size();
  const std::uint64_t mask = data.size() - 1;
  while (!broken && tail != head) {
    perf_event_header header{};
    // Records start at multiples of 8, so a header never wraps.
    const ByteView header_bytes = slice(data, tail & mask, sizeof(header));
    if (head - tail < sizeof(header) || header_bytes.empty()) {
      broken = true;
      break;
    }
    std::memcpy(&header, header_bytes.data(), sizeof(header));
    if (header.size < sizeof(header) || header.size > head - tail) {
      broken = true;
      break;
    }
    const std::uint64_t start = tail & mask;
    if (const ByteView whole = slice(data, start, header.size); !whole.empty()) {
      visit(whole);
    } else {
      const auto first = static_cast<std::size_t>(data.size() - start);
      scratch.resize(header.size);
      std::memcpy(scratch.data(), data.data() + start, first);
      std::memcpy(scratch.data() + first, data.data(), header.size - first);
      visit(scratch);
    }
    tail += header.size;
  }
  return head;
}

Result<PerfRing> PerfRing::map(UniqueFd event, std::size_t bytes) {
  while (true) {
    void* const base =
        ::mmap(nullptr, page_size() + bytes, PROT_READ | PROT_WRITE, MAP_SHARED, event.get(), 0);
    if (base != MAP_FAILED) {
      return PerfRing(std::move(event), static_cast<std::byte*>(base), bytes);
    }
    if ((errno != EPERM && errno != ENOMEM) || bytes <= page_size()) {
      return system_error("cannot map a perf event's ring of " + std::to_string(bytes) + " bytes", errno,
                          "raise kernel.perf_event_mlock_kb or run with CAP_IPC_LOCK");
    }
    bytes /= 2;
  }
}

PerfRing::PerfRing(PerfRing&& other) noexcept
    : event_(std::move(other.event_)),
      base_(std::exchange(other.base_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)) {}

PerfRing& PerfRing::operator=(PerfRing&& other) noexcept {
  std::swap(event_, other.event_);
  std::swap(base_, other.base_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

PerfRing::~PerfRing() {
  if (base_ != nullptr) {
    ::munmap(base_, page_size() + bytes_);
  }
}

bool PerfRing::drain(std::vector<std::byte>& scratch, const std::function<void(ByteView)>& visit) {
  auto* const control = reinterpret_cast<perf_event_mmap_page*>(base_);
  // The kernel's types are 64 bits without a sign, as atomic_ref's are.
  std::atomic_ref<__u64> shared_head(control->data_head);
  std::atomic_ref<__u64> shared_tail(control->data_tail);
  const std::uint64_t head = shared_head.load(std::memory_order_acquire);
  const std::uint64_t tail = shared_tail.load(std::memory_order_relaxed);
  bool broken = false;
  const std::uint64_t done =
      read_records(ByteView(base_ + page_size(), bytes_), tail, head, scratch, visit, broken);
  shared_tail.store(done, std::memory_order_release);
  return !broken;
}

}  // namespace stoker::discovery
