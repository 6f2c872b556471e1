// Copies of stacks in little memory, while they wait for an unwind table.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "base/bytes.h"

namespace stoker::agent {

// Stacks pack to a tenth or less: they are mostly zeros and pointers to the same places. Zstandard (RFC 8878) at its
// fastest, some 50 µs for 64 KiB. Not thread-safe.
class StackPacker {
 public:
  StackPacker();
  ~StackPacker();
  StackPacker(const StackPacker&) = delete;
  StackPacker& operator=(const StackPacker&) = delete;

  // For unpack() alone to read.
  std::vector<std::byte> pack(ByteView stack);
  // packed: from pack(); size: of the stack.
  std::vector<std::byte> unpack(ByteView packed, std::size_t size);
  // Gives back the memory that packing takes (a megabyte), until the next use.
  void rest();

 private:
  struct Contexts;
  Contexts& contexts();
  std::unique_ptr<Contexts> contexts_;
};

}  // namespace stoker::agent
