#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "discovery/sideband.h"
#include "elf/elf_file.h"
#include "records.h"

namespace stoker::discovery {
namespace {

std::vector<std::byte> from_hex(std::string_view text) {
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

SidebandEvent parsed(const std::vector<std::byte>& record) {
  SidebandEvent event;
  EXPECT_TRUE(parse_record(record, event));
  return event;
}

bool refused(const std::vector<std::byte>& record) {
  SidebandEvent event;
  return !parse_record(record, event);
}

// One run of Debian 12's /bin/true as Linux 6.18 recorded it; build ids as readelf prints them.
TEST(SidebandRecord, ForkAsTheKernelWritesIt) {
  const auto event =
      parsed(from_hex("0700000000002800246b0000236b0000246b0000236b0000e2d40fe34f02000034d10fe34f020000"));
  EXPECT_EQ(event.time.ns, 0x24fe30fd134u);
  const auto& fork = std::get<ForkEvent>(event.what);
  EXPECT_EQ(fork.pid, 0x6b24);
  EXPECT_EQ(fork.parent, 0x6b23);
  EXPECT_EQ(fork.tid, 0x6b24);
}

TEST(SidebandRecord, CommOfAnExecAsTheKernelWritesIt) {
  const auto event = parsed(from_hex("0300000000202000246b0000246b00007472756500000000168529e44f020000"));
  const auto& comm = std::get<CommEvent>(event.what);
  EXPECT_TRUE(comm.exec);
  EXPECT_EQ(comm.comm, "true");
  EXPECT_EQ(comm.pid, 0x6b24);
}

TEST(SidebandRecord, MappingWithInodeAsTheKernelWritesIt) {
  const auto event =
      parsed(from_hex("0a00000002006000246b0000246b0000"
                      "00d0343f1456000000400000000000000020000000000000"
                      "fe0000000000000029c80300000000000000000000000000"
                      "0500000002000000"
                      "2f7573722f62696e2f747275650000003f262ae44f020000"));
  const auto& map = std::get<MapEvent>(event.what);
  EXPECT_EQ(map.start.value, 0x56143f34d000u);
  EXPECT_EQ(map.end.value, 0x56143f351000u);
  EXPECT_EQ(map.offset.value, 0x2000u);
  EXPECT_EQ(map.file.major, 0xfeu);
  EXPECT_EQ(map.file.minor, 0u);
  EXPECT_EQ(map.file.inode, 247849u);
  EXPECT_EQ(map.file.build_id_size, 0);
  EXPECT_EQ(map.path, "/usr/bin/true");
}

TEST(SidebandRecord, MappingWithBuildIdAsTheKernelWritesIt) {
  const auto event =
      parsed(from_hex("0a00000002406000266b0000266b0000"
                      "00803bbf6055000000400000000000000020000000000000"
                      "14000000c89156ebdabf859f4ee70cb0c303004dccf1ae51"
                      "0500000002000000"
                      "2f7573722f62696e2f74727565000000ba3113e54f020000"));
  const auto& map = std::get<MapEvent>(event.what);
  EXPECT_EQ(elf::to_hex(map.file.build_id_bytes()), "c89156ebdabf859f4ee70cb0c303004dccf1ae51");
  EXPECT_EQ(map.file.inode, 0u);
  EXPECT_TRUE(map.file.is_file());
  EXPECT_EQ(map.path, "/usr/bin/true");
}

TEST(SidebandRecord, TheVdsoIsNoFile) {
  const auto event =
      parsed(from_hex("0a00000002005800246b0000246b0000"
                      "0020723f7d7f000000200000000000000000000000000000"
                      "000000000000000000000000000000000000000000000000"
                      "0500000002000000"
                      "5b7664736f5d00009f702ee44f020000"));
  const auto& map = std::get<MapEvent>(event.what);
  EXPECT_EQ(map.path, "[vdso]");
  EXPECT_FALSE(map.file.is_file());
}

TEST(SidebandRecord, ExitAsTheKernelWritesIt) {
  const auto event =
      parsed(from_hex("0400000000002800246b0000236b0000246b0000236b0000d81e3de44f020000981b3de44f020000"));
  const auto& exit = std::get<ExitEvent>(event.what);
  EXPECT_EQ(exit.pid, 0x6b24);
  EXPECT_EQ(exit.tid, 0x6b24);
}

TEST(SidebandRecord, LostRecordsAreCounted) {
  const auto event = parsed(RecordBytes(PERF_RECORD_LOST, 0).u64(9).u64(1234).at(77));
  EXPECT_EQ(std::get<LostEvent>(event.what).count, 1234u);
  EXPECT_EQ(event.time.ns, 77u);
}

TEST(SidebandRecord, ABpfProgramThatIsLoadedIsAnEventAndItsEndIsNot) {
  const auto record = [](std::uint32_t type, std::uint32_t flags) {
    return RecordBytes(PERF_RECORD_KSYMBOL, 0)
        .u64(0x1000)
        .u32(64)
        .u32(type | flags << 16)
        .text("bpf_prog_x")
        .at(5);
  };
  const auto event = parsed(record(PERF_RECORD_KSYMBOL_TYPE_BPF, 0));
  const auto& code = std::get<KernelCodeEvent>(event.what);
  EXPECT_EQ(code.address, 0x1000u);
  EXPECT_EQ(code.size, 64u);
  EXPECT_EQ(code.name, "bpf_prog_x");
  EXPECT_TRUE(refused(record(PERF_RECORD_KSYMBOL_TYPE_BPF, PERF_RECORD_KSYMBOL_FLAGS_UNREGISTER)));
  EXPECT_TRUE(refused(record(PERF_RECORD_KSYMBOL_TYPE_OOL, 0)));
}

TEST(SidebandRecord, AThreadsNameKeepsItsTid) {
  const auto event = parsed(RecordBytes(PERF_RECORD_COMM, 0).u32(10).u32(11).text("worker").at(5));
  const auto& comm = std::get<CommEvent>(event.what);
  EXPECT_EQ(comm.pid, 10);
  EXPECT_EQ(comm.tid, 11);
  EXPECT_FALSE(comm.exec);
}

TEST(SidebandRecord, ProcessesOutsideOurPidNamespaceAreLeftOut) {
  EXPECT_TRUE(refused(RecordBytes(PERF_RECORD_COMM, 0).u32(0).u32(0).text("x").at(5)));
  EXPECT_TRUE(refused(RecordBytes(PERF_RECORD_EXIT, 0).u32(~0u).u32(1).u32(~0u).u32(1).u64(5).at(5)));
}

TEST(SidebandRecord, MalformedRecordsAreRefused) {
  const auto mmap2 = [](std::uint64_t start, std::uint64_t length, std::uint8_t build_id_size) {
    return RecordBytes(PERF_RECORD_MMAP2, PERF_RECORD_MISC_MMAP_BUILD_ID)
        .u32(1)
        .u32(1)
        .u64(start)
        .u64(length)
        .u64(0)
        .u8(build_id_size)
        .u8(0)
        .u8(0)
        .u8(0)
        .raw(std::string(20, 'b'))
        .u32(5)
        .u32(2)
        .text("/x")
        .at(1);
  };
  EXPECT_FALSE(refused(mmap2(0x1000, 0x1000, 20)));
  EXPECT_TRUE(refused(mmap2(0x1000, 0x1000, 21)));
  EXPECT_TRUE(refused(mmap2(0x1000, 0, 20)));
  EXPECT_TRUE(refused(mmap2(0x1000, ~std::uint64_t{0}, 20)));
  EXPECT_TRUE(refused({}));
  EXPECT_TRUE(refused(RecordBytes(PERF_RECORD_SAMPLE, 0).u64(1).at(1)));
  EXPECT_TRUE(refused(RecordBytes(PERF_RECORD_FORK, 0).u32(1).at(1)));
}

TEST(SidebandRecord, EveryTruncationOfARecordIsRefused) {
  const auto whole = RecordBytes(PERF_RECORD_COMM, 0).u32(10).u32(11).text("worker").at(5);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_TRUE(refused({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)})) << size;
  }
}

}  // namespace
}  // namespace stoker::discovery
