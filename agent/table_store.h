// Unwind tables on demand: which files have one in the kernel, and the thread that builds the others.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "agent/table_slabs.h"
#include "base/bounded_queue.h"
#include "base/error.h"
#include "elf/binary.h"
#include "unwind/table_builder.h"

namespace stoker::agent {

enum class TableState : std::uint8_t {
  kUnknown,   // nobody asked yet, or evicted
  kBuilding,  // its file is being read on the `tables` thread, or will be when room has come
  kReady,
  kUnusable,  // no ELF file that we read
  kNoRoom,    // all of the budget is in use: asked for again after a while
};

// One file's tables: one for each executable segment.
struct FileTables {
  TableState state = TableState::kUnknown;
  std::vector<TablePlace> segments;
  std::uint32_t users = 0;  // processes whose mappings in the kernel refer to it
  MonotonicTime last_used;
  MonotonicTime retry_at;      // kNoRoom
  std::uint32_t refusals = 0;  // how often there was none

  const TablePlace* find(elf::ElfAddress address) const;
};

// Pipeline thread, but for the building itself, which is the `tables` thread's: reading a large file's .eh_frame takes
// a tenth of a second, during which samples of it come as copies of the stack. What crosses: Binaries to it, finished
// tables back. Tables are shared by all processes and evicted under the budget, the least recently used first of those
// that no process uses.
class TableStore {
 public:
  TableStore(int row_slabs, int chunk_slabs, std::uint64_t budget);
  ~TableStore();
  TableStore(const TableStore&) = delete;
  TableStore& operator=(const TableStore&) = delete;

  // Unknown ones are kUnknown. The reference holds until take_finished(), that of a file with users as long as it has any.
  FileTables& of(const elf::Binary& binary);
  // Begins to build, unless that was done before. Binaries without elf become kUnusable at once.
  void request(const elf::BinaryPtr& binary);
  // Writes what was built into the kernel, and gives what found no room another chance. Returns whether any state has
  // changed.
  bool take_finished();
  bool building() const { return building_ != 0; }

  unwind_row row(const FileTables& tables, elf::ElfAddress address) const;
  std::uint64_t bytes() const { return slabs_.bytes(); }

 private:
  // The same file has the same tables even if its Binary was dropped and made anew.
  struct Key {
    elf::FileIdentity identity;
    std::string name;  // of what is no file (vDSO)
    auto operator<=>(const Key&) const = default;
  };
  struct Finished {
    elf::BinaryPtr binary;
    Result<unwind::UnwindTables> tables;
  };

  static Key key_of(const elf::Binary& binary);
  void run();
  // What becomes of the file: kReady, kBuilding (room is about to come) or kNoRoom.
  TableState place(FileTables& file, const unwind::UnwindTables& tables, MonotonicTime now);
  // Of the tables that no process uses and none has used for so long, the least recently used. False: there is none.
  bool evict_one(MonotonicTime now, std::uint64_t idle_ns);
  // So that the next new program need not wait until the places of evicted tables may be used again.
  void keep_some_room(MonotonicTime now);
  void build_later(MonotonicTime now);
  void forget_unused();

  TableSlabs slabs_;
  std::map<Key, FileTables> files_;
  std::size_t building_ = 0;
  struct Later {
    MonotonicTime at;
    elf::BinaryPtr binary;
  };
  std::vector<Later> later_;
  std::vector<Key> without_room_;
  BoundedQueue<elf::BinaryPtr> requests_;
  std::mutex finished_mutex_;
  std::vector<Finished> finished_;
  std::jthread thread_;
};

}  // namespace stoker::agent
