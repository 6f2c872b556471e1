// Unwind tables in real BPF maps, under budgets that are too small.
#include "agent/table_store.h"

#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "agent/process_maps.h"
#include "base/unique_fd.h"
#include "process.h"

namespace stoker::agent {
namespace {

constexpr std::uint64_t kSmallestBudget = 1 << 20;  // one slab of rows, one of chunk entries

UniqueFd array_of(std::uint32_t value_size, std::uint32_t values) {
  bpf_map_create_opts options{};
  options.sz = sizeof(options);
  options.map_flags = BPF_F_MMAPABLE;
  const UniqueFd form(
      ::bpf_map_create(BPF_MAP_TYPE_ARRAY, "form", sizeof(std::uint32_t), value_size, values, &options));
  options.map_flags = 0;
  options.inner_map_fd = static_cast<std::uint32_t>(form.get());
  return UniqueFd(::bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "slabs", sizeof(std::uint32_t),
                                   sizeof(std::uint32_t), MOST_SLABS, &options));
}

elf::BinaryPtr binary_at(const std::string& path) {
  auto file = elf::ElfFile::open(path);
  if (!file) {
    return nullptr;
  }
  elf::Binary binary;
  static std::uint32_t last_id = 0;
  binary.id = ++last_id;
  binary.path = path;
  binary.identity.inode = binary.id;
  binary.elf = std::make_shared<const elf::ElfFile>(std::move(*file));
  return std::make_shared<const elf::Binary>(std::move(binary));
}

class Tables : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) {
      GTEST_SKIP() << "needs root";
    }
    rows_ = array_of(sizeof(unwind_block), ROW_SLAB_BLOCKS);
    chunks_ = array_of(sizeof(unwind_chunk), CHUNK_SLAB_ENTRIES);
    ASSERT_TRUE(rows_ && chunks_);
    libc_ = binary_at("/lib/x86_64-linux-gnu/libc.so.6");
    large_ = binary_at("/usr/lib/x86_64-linux-gnu/libLLVM.so.19.1");
    if (libc_ == nullptr || large_ == nullptr) {
      GTEST_SKIP() << "needs Debian's libc and libLLVM on x86-64";
    }
  }

  std::unique_ptr<TableStore> store(std::uint64_t budget) {
    return std::make_unique<TableStore>(rows_.get(), chunks_.get(), budget);
  }

  // Requests it, and waits until that is decided.
  static TableState load(TableStore& store, const elf::BinaryPtr& binary) {
    store.request(binary);
    while (store.of(*binary).state == TableState::kBuilding) {
      std::this_thread::sleep_for(std::chrono::milliseconds{2});
      store.take_finished();
    }
    return store.of(*binary).state;
  }

  // The same, again and again until it is there.
  static void load_at_last(TableStore& store, const elf::BinaryPtr& binary) {
    while (load(store, binary) != TableState::kReady) {
      std::this_thread::sleep_for(std::chrono::milliseconds{20});
      store.take_finished();
    }
  }

  // Copies of libc: as many files of the same size.
  static std::vector<elf::BinaryPtr> files(int count) {
    std::vector<elf::BinaryPtr> made;
    for (int i = 0; i < count; ++i) {
      made.push_back(binary_at("/lib/x86_64-linux-gnu/libc.so.6"));
    }
    return made;
  }

  UniqueFd rows_;
  UniqueFd chunks_;
  elf::BinaryPtr libc_;
  elf::BinaryPtr large_;
};

TEST_F(Tables, RowsInTheKernelAreThoseThatWereBuilt) {
  const auto tables = store(kSmallestBudget);
  ASSERT_EQ(load(*tables, libc_), TableState::kReady);
  const auto built = unwind::build_tables(*libc_->elf);
  ASSERT_TRUE(built);
  const unwind::UnwindTable& table = built->segments.front();
  const std::vector<elf::ElfAddress> addresses = table.addresses();
  for (std::size_t i = 0; i < addresses.size(); i += 37) {
    const elf::ElfAddress at{addresses[i].value + 1};
    const auto expected = table.find(at);
    if (expected) {
      EXPECT_EQ(__builtin_bit_cast(std::uint64_t, tables->row(tables->of(*libc_), at)),
                __builtin_bit_cast(std::uint64_t, *expected));
    }
  }
}

TEST_F(Tables, UnderABudgetOfOneMebibyteTheLeastRecentlyUsedMakesRoom) {
  const auto tables = store(kSmallestBudget);
  const std::vector<elf::BinaryPtr> all = files(40);
  std::size_t fitting = 0;
  while (fitting < all.size() && load(*tables, all[fitting]) == TableState::kReady) {
    ++fitting;
  }
  ASSERT_GT(fitting, 1u);
  ASSERT_LT(fitting, all.size());
  load_at_last(*tables, all[fitting]);
  EXPECT_EQ(tables->of(*all.front()).state, TableState::kUnknown);
  EXPECT_EQ(tables->of(*all[fitting - 1]).state, TableState::kReady);
  EXPECT_LE(tables->bytes(), kSmallestBudget + CHUNK_SLAB_ENTRIES * sizeof(unwind_chunk));
}

TEST_F(Tables, ATableThatProcessesUseStaysAndTheNewOneIsRefusedUntilTheyAreGone) {
  const auto tables = store(kSmallestBudget);
  const std::vector<elf::BinaryPtr> all = files(40);
  std::size_t used = 0;
  for (; used < all.size() && load(*tables, all[used]) == TableState::kReady; ++used) {
    ++tables->of(*all[used]).users;
  }
  ASSERT_LT(used, all.size());
  EXPECT_EQ(tables->of(*all[used]).state, TableState::kNoRoom);
  EXPECT_EQ(tables->of(*all.front()).state, TableState::kReady);
  --tables->of(*all.front()).users;
  load_at_last(*tables, all[used]);
}

TEST_F(Tables, ATableLargerThanTheBudgetDrivesNoOtherOut) {
  const auto tables = store(0);
  ASSERT_EQ(load(*tables, libc_), TableState::kReady);
  EXPECT_EQ(load(*tables, large_), TableState::kNoRoom);
  EXPECT_EQ(tables->of(*libc_).state, TableState::kReady);
}

TEST_F(Tables, AProcessWhoseMappingsFindNoRoomIsCountedAndLeavesNothingBehind) {
  bpf_map_create_opts options{};
  options.sz = sizeof(options);
  options.map_flags = BPF_F_NO_PREALLOC;
  const UniqueFd map(::bpf_map_create(BPF_MAP_TYPE_HASH, "map_blocks", sizeof(map_block_key),
                                      sizeof(map_block), 1, &options));
  ASSERT_TRUE(map);
  discovery::BinaryTable binaries;
  discovery::ProcessTable processes({}, binaries);
  ASSERT_TRUE(processes.scan());
  const auto tables = store(kSmallestBudget);
  StatCounters stats;
  const auto refused = [&stats] {
    StatTotals totals;
    stats.add_to(totals);
    return totals[STAT_mappings_refused];
  };
  ProcessMaps maps(map.get(), processes, *tables, stats);

  discovery::Process& first = processes.at(::getpid());
  discovery::Process& second = processes.at(::getppid());
  maps.sampled(first, 1);
  maps.flush();
  EXPECT_EQ(refused(), 0u);
  maps.sampled(second, 2);
  maps.flush();
  EXPECT_EQ(refused(), 1u);
  map_block block;
  map_block_key key{static_cast<std::uint32_t>(::getppid()), 0};
  EXPECT_NE(::bpf_map_lookup_elem(map.get(), &key, &block), 0);
  key.pid = static_cast<std::uint32_t>(::getpid());
  ASSERT_EQ(::bpf_map_lookup_elem(map.get(), &key, &block), 0);
  EXPECT_EQ(block.address_space, 1u);
  EXPECT_GT(block.count, 0u);

  // Once the first is gone, the second gets its turn.
  maps.process_gone(::getpid());
  maps.tables_changed();
  maps.flush();
  key.pid = static_cast<std::uint32_t>(::getppid());
  ASSERT_EQ(::bpf_map_lookup_elem(map.get(), &key, &block), 0);
  EXPECT_EQ(block.address_space, 2u);
}

}  // namespace
}  // namespace stoker::agent
