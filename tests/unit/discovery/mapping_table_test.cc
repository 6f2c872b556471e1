#include "discovery/mapping_table.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

namespace stoker::discovery {
namespace {

constexpr std::uint64_t kPage = 4096;

Mapping pages(std::uint64_t first, std::uint64_t count, FileIndex file, std::uint64_t offset_pages = 0) {
  return {{first * kPage}, {(first + count) * kPage}, {offset_pages * kPage}, file};
}

std::vector<Mapping> all(const MappingTable& table) {
  std::vector<Mapping> mappings;
  table.for_each([&](const Mapping& mapping) { mappings.push_back(mapping); });
  return mappings;
}

TEST(Mapping, KeepsWhatItIsGiven) {
  const Mapping mapping({0x7f0000001000}, {0x7f0000005000}, {0x3000}, 77);
  EXPECT_EQ(mapping.start().value, 0x7f0000001000u);
  EXPECT_EQ(mapping.end().value, 0x7f0000005000u);
  EXPECT_EQ(mapping.offset().value, 0x3000u);
  EXPECT_EQ(mapping.file(), 77u);
  EXPECT_EQ(sizeof(Mapping), 24u);
}

TEST(Mapping, UnalignedBoundsAreRoundedOutwards) {
  const Mapping mapping({0x1010}, {0x2001}, {0x5010}, 1);
  EXPECT_EQ(mapping.start().value, 0x1000u);
  EXPECT_EQ(mapping.end().value, 0x3000u);
  EXPECT_EQ(mapping.offset().value, 0x5000u);
}

TEST(Mapping, TheTopOfTheAddressSpaceDoesNotWrapAround) {
  const Mapping mapping({0xfffffffffffff000}, {0xffffffffffffffff}, {0}, 1);
  EXPECT_GE(mapping.end(), mapping.start());
}

TEST(MappingTable, FindsTheMappingThatHoldsAnAddress) {
  MappingTable table;
  table.insert(pages(10, 2, 1));
  table.insert(pages(20, 1, 2));
  EXPECT_EQ(table.find({10 * kPage})->file(), 1u);
  EXPECT_EQ(table.find({12 * kPage - 1})->file(), 1u);
  EXPECT_FALSE(table.find({12 * kPage}));
  EXPECT_FALSE(table.find({9 * kPage}));
  EXPECT_EQ(table.find({20 * kPage})->file(), 2u);
  EXPECT_FALSE(table.find({~std::uint64_t{0}}));
}

TEST(MappingTable, AMappingInTheMiddleOfAnotherSplitsIt) {
  MappingTable table;
  table.insert(pages(10, 10, 1, 100));
  table.insert(pages(13, 2, 2));
  EXPECT_EQ(all(table), (std::vector{pages(10, 3, 1, 100), pages(13, 2, 2), pages(15, 5, 1, 105)}));
}

TEST(MappingTable, AMappingOverTheEndsOfTwoCutsBoth) {
  MappingTable table;
  table.insert(pages(10, 4, 1));
  table.insert(pages(14, 4, 2, 50));
  table.insert(pages(12, 4, 3));
  EXPECT_EQ(all(table), (std::vector{pages(10, 2, 1), pages(12, 4, 3), pages(16, 2, 2, 52)}));
}

TEST(MappingTable, AMappingOverManyReplacesThemAll) {
  MappingTable table;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    table.insert(pages(10 + i * 2, 1, 1));
  }
  table.insert(pages(11, 1997, 2));
  EXPECT_EQ(all(table), (std::vector{pages(10, 1, 1), pages(11, 1997, 2), pages(2008, 1, 1)}));
  EXPECT_EQ(table.size(), 3u);
}

TEST(MappingTable, AnEmptyMappingChangesNothing) {
  MappingTable table;
  table.insert(Mapping({0x2000}, {0x2000}, {0}, 1));
  table.insert(Mapping({0x3000}, {0x2000}, {0}, 1));
  EXPECT_TRUE(table.empty());
}

TEST(MappingTable, ACopySharesMemoryUntilOneOfTheTwoChanges) {
  MappingTable parent;
  parent.insert(pages(10, 1, 1));
  MappingTable child = parent;
  EXPECT_TRUE(child.shares_with(parent));
  child.insert(pages(20, 1, 2));
  EXPECT_FALSE(child.shares_with(parent));
  EXPECT_EQ(parent.size(), 1u);
  EXPECT_EQ(child.size(), 2u);
  child = parent;
  child.clear();
  EXPECT_EQ(parent.size(), 1u);
}

// Against the plainest model there is: which file each page belongs to, and at which offset.
TEST(MappingTable, AgreesWithAPageByPageModelUnderRandomInserts) {
  std::mt19937 random(7);
  for (int round = 0; round < 20; ++round) {
    MappingTable table;
    std::map<std::uint64_t, std::pair<FileIndex, std::uint64_t>> model;
    const std::uint64_t space = round % 2 == 0 ? 3000 : 200;
    for (FileIndex file = 1; file <= 1500; ++file) {
      const std::uint64_t first = random() % space;
      const std::uint64_t count = random() % 50 == 0 ? 1 + random() % 600 : 1 + random() % 4;
      table.insert(pages(first, count, file, first));
      for (std::uint64_t page = first; page < first + count; ++page) {
        model[page] = {file, page};
      }
    }
    for (std::uint64_t page = 0; page < space + 700; ++page) {
      const auto found = table.find({page * kPage + 123});
      const auto expected = model.find(page);
      ASSERT_EQ(found.has_value(), expected != model.end()) << page;
      if (found) {
        ASSERT_EQ(found->file(), expected->second.first);
        ASSERT_EQ(found->offset().value + page * kPage - found->start().value,
                  expected->second.second * kPage);
      }
    }
    const auto mappings = all(table);
    ASSERT_EQ(mappings.size(), table.size());
    for (std::size_t i = 1; i < mappings.size(); ++i) {
      ASSERT_LE(mappings[i - 1].end(), mappings[i].start());
    }
  }
}

TEST(MappingTable, HoldsAsManyMappingsAsAProcessMayHaveInLittleMemory) {
  for (const bool upwards : {true, false}) {
    MappingTable table;
    for (std::uint64_t i = 0; i < 65530; ++i) {
      table.insert(pages((upwards ? i : 70000 - i) * 2, 1, 1));
    }
    EXPECT_EQ(table.size(), 65530u);
    EXPECT_LT(table.memory(), 65530u * 32);
  }
}

}  // namespace
}  // namespace stoker::discovery
