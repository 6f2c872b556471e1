#include "symbolize/dwarf/sparse_reading.h"

#include <sys/mman.h>
#include <unistd.h>

namespace stoker::symbolize::dwarf {
namespace {

// Of up to 64 KiB each, which is what the kernel maps around a fault.
constexpr unsigned kPlacesKept = 256;

}  // namespace

SparseReading::SparseReading(const elf::ElfFile& file, ByteView section) : file_(file) {
  const ByteView whole = file.bytes();
  if (section.data() >= whole.data() && section.data() < whole.data() + whole.size()) {
    section_ = section;
  }
  advise(MADV_RANDOM);
}

SparseReading::~SparseReading() {
  advise(MADV_NORMAL);
}

void SparseReading::step() {
  if (++steps_ == kPlacesKept) {
    steps_ = 0;
    file_.drop_pages();
  }
}

void SparseReading::advise(int advice) const {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto start = reinterpret_cast<std::uintptr_t>(section_.data());
  // Pages that the section fills alone.
  const std::uintptr_t first = (start + page - 1) & ~(page - 1);
  const std::uintptr_t last = (start + section_.size()) & ~(page - 1);
  if (first < last) {
    ::madvise(reinterpret_cast<void*>(first), last - first, advice);
  }
}

}  // namespace stoker::symbolize::dwarf
