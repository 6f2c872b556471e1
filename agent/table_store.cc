#include "agent/table_store.h"

#include <algorithm>

#include "base/log.h"
#include "base/thread.h"

namespace stoker::agent {
namespace {

constexpr std::size_t kMostRequests = 4096;
constexpr std::size_t kManyFiles = 8192;

// Until a table that found no room is tried again, doubled each time: building it costs.
constexpr std::uint64_t kRetryNs = 1'000'000'000;
constexpr std::uint32_t kMostDoublings = 8;

// A table is placed before the mappings that refer to it are written: it must outlive that moment.
constexpr std::uint64_t kJustPlacedNs = 1'000'000'000;
// What was not used for so long makes room in advance.
constexpr std::uint64_t kIdleNs = 5'000'000'000;

}  // namespace

const TablePlace* FileTables::find(elf::ElfAddress address) const {
  const auto holds = [address](const TablePlace& place) {
    return address >= place.start && address < place.end;
  };
  const auto found = std::ranges::find_if(segments, holds);
  return found == segments.end() ? nullptr : &*found;
}

TableStore::TableStore(int row_slabs, int chunk_slabs, std::uint64_t budget)
    : slabs_(row_slabs, chunk_slabs, budget), requests_(kMostRequests) {
  thread_ = start_thread("tables", [this] { run(); });
}

TableStore::~TableStore() {
  requests_.close();
}

TableStore::Key TableStore::key_of(const elf::Binary& binary) {
  const bool file = binary.identity.inode != 0;
  return {binary.identity, file ? std::string() : binary.path + '\0' + binary.build_id};
}

FileTables& TableStore::of(const elf::Binary& binary) {
  return files_[key_of(binary)];
}

void TableStore::request(const elf::BinaryPtr& binary) {
  FileTables& file = of(*binary);
  if (file.state != TableState::kUnknown) {
    return;
  }
  if (binary->elf == nullptr) {
    file.state = TableState::kUnusable;
    return;
  }
  if (requests_.push(elf::BinaryPtr(binary))) {
    file.state = TableState::kBuilding;
    ++building_;
  }
}

void TableStore::run() {
  while (true) {
    auto binary = requests_.pop(std::chrono::seconds{1});
    if (!binary) {
      if (requests_.closed()) {
        return;
      }
      continue;
    }
    auto tables = unwind::build_tables(*(*binary)->elf);
    (*binary)->elf->drop_pages();
    const std::lock_guard lock(finished_mutex_);
    finished_.push_back({std::move(*binary), std::move(tables)});
  }
}

bool TableStore::take_finished() {
  std::vector<Finished> finished;
  {
    const std::lock_guard lock(finished_mutex_);
    finished.swap(finished_);
  }
  const MonotonicTime now = monotonic_now();
  for (const Finished& one : finished) {
    const Key key = key_of(*one.binary);
    FileTables& file = files_[key];
    --building_;
    if (!one.tables) {
      file.state = TableState::kUnusable;
      log::debug("{}", one.tables.error().message());
      continue;
    }
    file.state = place(file, *one.tables, now);
    if (file.state == TableState::kBuilding) {
      ++building_;
      later_.push_back({{now.ns + RangeAllocator::kGraceNs + 1}, one.binary});
    } else if (file.state == TableState::kReady) {
      keep_some_room(now);
    } else {
      if (file.refusals == 1) {  // the first time may be a crowd at once
        log::warning(
            "the unwind table of {} ({} KiB) finds no room beside those in use: stacks through it are cut; "
            "raise unwind.table_budget",
            one.binary->path, one.tables->bytes() >> 10);
      }
      file.refusals = std::min(file.refusals + 1, kMostDoublings);
      file.retry_at = {now.ns + (kRetryNs << file.refusals)};
      without_room_.push_back(key);
    }
  }
  build_later(now);
  const std::size_t again = std::erase_if(without_room_, [&](const Key& key) {
    FileTables& file = files_[key];
    if (now < file.retry_at) {
      return false;
    }
    file.state = TableState::kUnknown;
    return true;
  });
  if (files_.size() > kManyFiles) {
    forget_unused();
  }
  return !finished.empty() || again != 0;
}

TableState TableStore::place(FileTables& file, const unwind::UnwindTables& tables, MonotonicTime now) {
  for (const unwind::UnwindTable& table : tables.segments) {
    while (true) {
      auto placed = slabs_.add(table, now);
      if (!placed) {
        log::warning("{}", placed.error().message());
      } else if (*placed) {
        file.segments.push_back(**placed);
        break;
      }
      // What was evicted rests for a moment; evicting more would not help before the next try.
      const bool soon = placed && slabs_.room_to_come(table);
      if (!placed || soon || !slabs_.can_hold(table) || !evict_one(now, kJustPlacedNs)) {
        for (const TablePlace& segment : file.segments) {
          slabs_.remove(segment, now);
        }
        file.segments.clear();
        return soon ? TableState::kBuilding : TableState::kNoRoom;
      }
    }
  }
  file.last_used = now;
  file.refusals = 0;
  return TableState::kReady;
}

void TableStore::keep_some_room(MonotonicTime now) {
  while (slabs_.nearly_full() && evict_one(now, kIdleNs)) {
  }
}

void TableStore::build_later(MonotonicTime now) {
  std::erase_if(later_, [&](Later& one) {
    if (now < one.at) {
      return false;
    }
    if (!requests_.push(elf::BinaryPtr(one.binary))) {
      of(*one.binary).state = TableState::kUnknown;
      --building_;
    }
    return true;
  });
}

// A host that builds programs meets new files for ever.
void TableStore::forget_unused() {
  std::erase_if(files_, [](const auto& entry) {
    const FileTables& file = entry.second;
    return file.users == 0 && (file.state == TableState::kUnknown || file.state == TableState::kUnusable);
  });
}

bool TableStore::evict_one(MonotonicTime now, std::uint64_t idle_ns) {
  FileTables* oldest = nullptr;
  for (auto& [key, file] : files_) {
    if (file.state == TableState::kReady && file.users == 0 && file.last_used.ns + idle_ns <= now.ns &&
        (oldest == nullptr || file.last_used < oldest->last_used)) {
      oldest = &file;
    }
  }
  if (oldest == nullptr) {
    return false;
  }
  for (const TablePlace& segment : oldest->segments) {
    slabs_.remove(segment, now);
  }
  oldest->segments.clear();
  oldest->state = TableState::kUnknown;
  return true;
}

unwind_row TableStore::row(const FileTables& tables, elf::ElfAddress address) const {
  const TablePlace* const place = tables.find(address);
  return place == nullptr ? unwind_row{} : slabs_.find(*place, address);
}

}  // namespace stoker::agent
