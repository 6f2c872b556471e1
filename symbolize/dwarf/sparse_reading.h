// Reading a little here and there in a large section: without this the kernel reads ahead of each place, and keeps what
// lies around it mapped, until a 2 GB file has been read whole for the sake of its unit headers.
#pragma once

#include "base/bytes.h"
#include "elf/elf_file.h"

namespace stoker::symbolize::dwarf {

// While it lives, the section is read page by page. Who else reads the file meanwhile only becomes slower by it.
class SparseReading {
 public:
  // section: a part of file, or inflated bytes, which lie in memory anyway. Both outlive this.
  SparseReading(const elf::ElfFile& file, ByteView section);
  ~SparseReading();
  SparseReading(const SparseReading&) = delete;
  SparseReading& operator=(const SparseReading&) = delete;

  // To be called at each place: gives pages back from time to time.
  void step();

 private:
  void advise(int advice) const;

  const elf::ElfFile& file_;
  ByteView section_;
  unsigned steps_ = 0;
};

}  // namespace stoker::symbolize::dwarf
