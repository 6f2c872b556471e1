// Names of mapped files, stored once however many processes map them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/clock.h"
#include "discovery/file_key.h"
#include "discovery/mapping_table.h"
#include "elf/binary.h"

namespace stoker::discovery {

// One file as the kernel named it. The same file may be here twice: by build id from a record, and by inode
// from /proc/PID/maps; both then have the same Binary.
struct MappedFileName {
  std::string path;  // without " (deleted)"; "[anon]" for memory without a name
  FileKey key;
  elf::BinaryPtr binary;    // what it was found to be when last opened; null: not opened yet, or not found
  MonotonicTime next_try;   // not found: earliest time to look for it again for a process that is gone
  MonotonicTime last_used;  // when a living process was last seen to map it
};

// Not thread-safe. Index 0 is no file; indexes of dropped files are used again.
class FileTable {
 public:
  FileTable();
  FileTable(const FileTable&) = delete;
  FileTable& operator=(const FileTable&) = delete;

  // path as the kernel gives it: " (deleted)" is cut off and "//anon" and "" become "[anon]". added tells
  // whether it is new. 0 when the table is full (16 million files).
  FileIndex intern(std::string_view path, const FileKey& key, bool& added);

  const MappedFileName& at(FileIndex index) const { return files_[index]; }
  MappedFileName& at(FileIndex index) { return files_[index]; }
  std::size_t size() const { return by_name_.size(); }
  std::size_t memory() const;

  // Drops all files for which keep(index) is false.
  void collect(const std::function<bool(FileIndex)>& keep);

 private:
  struct Lookup {
    std::string_view path;
    const FileKey* key;
  };
  struct Hash {
    using is_transparent = void;
    const FileTable* table;
    std::size_t operator()(FileIndex index) const;
    std::size_t operator()(const Lookup& lookup) const;
  };
  struct Equal {
    using is_transparent = void;
    const FileTable* table;
    bool operator()(FileIndex a, FileIndex b) const { return a == b; }
    bool operator()(const Lookup& lookup, FileIndex index) const;
    bool operator()(FileIndex index, const Lookup& lookup) const { return (*this)(lookup, index); }
  };

  std::vector<MappedFileName> files_;
  std::vector<FileIndex> free_;
  std::unordered_set<FileIndex, Hash, Equal> by_name_;
};

}  // namespace stoker::discovery
