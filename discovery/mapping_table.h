// The executable mappings of one process.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "elf/address.h"

namespace stoker::discovery {

// Index of a file in the FileTable; 0 is none.
using FileIndex = std::uint32_t;

// 24 bytes: ten thousand processes of thirty mappings are 7 MB.
class Mapping {
 public:
  static constexpr FileIndex kMostFiles = (1u << 24) - 1;

  Mapping() = default;
  // start and end are rounded outwards to whole 4 KiB pages.
  Mapping(elf::RunAddress start, elf::RunAddress end, elf::FileOffset offset, FileIndex file);

  elf::RunAddress start() const { return {start_}; }
  elf::RunAddress end() const { return {start_ + (pages_ << kPageBits)}; }
  elf::FileOffset offset() const { return {offset_}; }  // of start() in the file
  FileIndex file() const { return static_cast<FileIndex>(file_); }
  elf::MappedRange range() const { return {start(), end(), offset()}; }
  bool holds(elf::RunAddress address) const { return address >= start() && address < end(); }
  bool operator==(const Mapping&) const = default;

 private:
  static constexpr unsigned kPageBits = 12;

  std::uint64_t start_ = 0;
  std::uint64_t offset_ = 0;
  std::uint64_t pages_ : 40 = 0;
  std::uint64_t file_ : 24 = 0;
};

// Sorted by address, without overlaps. A copy shares everything until one of the two changes (fork is the
// common case). Inserting into n mappings moves at most kChunk of them and n / kChunk chunk heads.
class MappingTable {
 public:
  // As the kernel does with MAP_FIXED: what mapping covers of others is gone, and what sticks out of it on
  // either side stays, with its offset adjusted.
  void insert(const Mapping& mapping);
  void clear() { body_.reset(); }

  std::optional<Mapping> find(elf::RunAddress address) const;
  std::size_t size() const;
  bool empty() const { return size() == 0; }

  // body(const Mapping&) for each one, in order of address.
  template <typename Visit>
  void for_each(Visit visit) const {
    if (body_ == nullptr) {
      return;
    }
    for (const Chunk& chunk : body_->chunks) {
      for (const Mapping& mapping : chunk) {
        visit(mapping);
      }
    }
  }

  // The two are one copy in memory; and how many tables are.
  bool shares_with(const MappingTable& other) const { return body_ == other.body_; }
  long sharers() const { return body_.use_count(); }
  // What this table holds of memory, as if it shared nothing.
  std::size_t memory() const;

 private:
  static constexpr std::size_t kChunk = 128;
  using Chunk = std::vector<Mapping>;  // never empty
  struct Body {
    std::vector<Chunk> chunks;
    std::size_t size = 0;
  };

  Body& own_body();
  static void cut(Body& body, elf::RunAddress start, elf::RunAddress end);
  static void place(Body& body, const Mapping& mapping);

  std::shared_ptr<Body> body_;
};

}  // namespace stoker::discovery
