#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "symbolize/code_names.h"
#include "symbolize/jitdump.h"
#include "symbolize/perf_map.h"
#include "symbolize/symbolizer.h"
#include "tests/unit/symbolize/temp_directory.h"

namespace stoker::symbolize {
namespace {

TEST(CodeNames, LaterEntryOverridesTheOverlapAndLeavesTheRest) {
  CodeNames names;
  names.add(100, 100, "old");
  names.add(140, 20, "new");
  EXPECT_EQ(names.find(99), "");
  EXPECT_EQ(names.find(139), "old");
  EXPECT_EQ(names.find(140), "new");
  EXPECT_EQ(names.find(159), "new");
  EXPECT_EQ(names.find(160), "old");
  EXPECT_EQ(names.find(200), "");
  names.add(90, 60, "over");
  EXPECT_EQ(names.find(149), "over");
  EXPECT_EQ(names.find(150), "new");
  names.add(0, 1000, "all");
  EXPECT_EQ(names.find(150), "all");
  EXPECT_EQ(names.size(), 1u);
}

TEST(CodeNames, EmptyAndWrappingRangesAreRefused) {
  CodeNames names;
  names.add(100, 0, "empty");
  names.add(UINT64_MAX - 5, 100, "wraps");
  EXPECT_EQ(names.size(), 0u);
}

class PerfMapFile : public testing::Test {
 protected:
  static PerfMap map() { return PerfMap("/tmp/perf-1.map", ::getuid()); }
  TempDirectory directory_;
  TargetRoot root_ = *TargetRoot::open(directory_.path());
};

TEST_F(PerfMapFile, LinesThatAreNoEntriesAreSkipped) {
  directory_.write("tmp/perf-1.map",
                   "1000 20 first name\nnonsense\n2000\n0x3000 0x10 second\r\n\n4000 zz bad\n");
  PerfMap perf_map = map();
  ASSERT_TRUE(perf_map.refresh(root_));
  EXPECT_EQ(perf_map.names().find(0x101f), "first name");
  EXPECT_EQ(perf_map.names().find(0x3000), "second");
  EXPECT_EQ(perf_map.names().size(), 2u);
}

TEST_F(PerfMapFile, GrowthIsReadAndAHalfWrittenLineWaits) {
  const std::string path = directory_.write("tmp/perf-1.map", "1000 20 first\n2000 20 sec");
  PerfMap perf_map = map();
  ASSERT_TRUE(perf_map.refresh(root_));
  EXPECT_EQ(perf_map.names().find(0x2000), "");
  std::ofstream(path, std::ios::app) << "ond\n1000 20 recompiled\n";
  ASSERT_TRUE(perf_map.refresh(root_));
  EXPECT_EQ(perf_map.names().find(0x2000), "second");
  EXPECT_EQ(perf_map.names().find(0x1000), "recompiled");
}

TEST_F(PerfMapFile, ReplacedFileStartsAnew) {
  directory_.write("tmp/perf-1.map", "1000 20 first\n2000 20 second\n");
  PerfMap perf_map = map();
  ASSERT_TRUE(perf_map.refresh(root_));
  directory_.write("tmp/perf-1.map", "3000 20 x\n");
  ASSERT_TRUE(perf_map.refresh(root_));
  EXPECT_EQ(perf_map.names().find(0x1000), "");
  EXPECT_EQ(perf_map.names().find(0x3000), "x");
}

TEST_F(PerfMapFile, SymbolicLinkIsRefused) {
  const std::string secret = directory_.write("secret", "1000 20 leaked\n");
  std::filesystem::create_directories(directory_.path() + "/tmp");
  std::filesystem::create_symlink(secret, directory_.path() + "/tmp/perf-1.map");
  EXPECT_FALSE(map().refresh(root_));
}

TEST_F(PerfMapFile, FifoIsRefusedWithoutWaiting) {
  std::filesystem::create_directories(directory_.path() + "/tmp");
  ASSERT_EQ(::mkfifo((directory_.path() + "/tmp/perf-1.map").c_str(), 0600), 0);
  const auto result = map().refresh(root_);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().why, "not a regular file");
}

TEST_F(PerfMapFile, OtherUsersFileIsRefused) {
  const std::string path = directory_.write("tmp/perf-1.map", "1000 20 forged\n");
  if (::chown(path.c_str(), 12345, 12345) != 0) {
    GTEST_SKIP() << "only root can give files away";
  }
  const auto result = map().refresh(root_);
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().why.find("12345"), std::string::npos);
}

TEST_F(PerfMapFile, OversizedFileIsRefused) {
  const std::string path = directory_.write("tmp/perf-1.map", "");
  ASSERT_EQ(::truncate(path.c_str(), static_cast<off_t>(PerfMap::kLargest + 1)), 0);
  EXPECT_FALSE(map().refresh(root_));
}

template <typename T>
void put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

std::string dump_header() {
  std::string out;
  for (const std::uint32_t word : {0x4A695444u, 1u, 40u, 62u, 0u, 1u}) {
    put(out, word);
  }
  put(out, std::uint64_t{0});
  put(out, std::uint64_t{0});
  return out;
}

std::string dump_record(std::uint32_t id, const std::string& body) {
  std::string out;
  put(out, id);
  put(out, static_cast<std::uint32_t>(16 + body.size()));
  put(out, std::uint64_t{0});
  return out + body;
}

std::string dump_load(std::uint64_t address, std::uint64_t size, const std::string& name) {
  std::string body;
  put(body, std::uint64_t{1});
  for (const std::uint64_t each : {address, address, size, std::uint64_t{1}}) {
    put(body, each);
  }
  return dump_record(0, body + name + '\0' + std::string(size, '\x90'));
}

std::string dump_move(std::uint64_t from, std::uint64_t to, std::uint64_t size) {
  std::string body;
  put(body, std::uint64_t{1});
  for (const std::uint64_t each : {from, from, to, size, std::uint64_t{1}}) {
    put(body, each);
  }
  return dump_record(1, body);
}

TEST(JitDumpFile, LoadsNameCodeAndMovesCarryTheNameAlong) {
  TempDirectory directory;
  const std::string path =
      directory.write("jit-1.dump", dump_header() + dump_load(0x1000, 64, "compiled") +
                                        dump_record(2, "debug info") + dump_move(0x1000, 0x9000, 64));
  const TargetRoot root = *TargetRoot::open(directory.path());
  JitDump dump("/jit-1.dump", ::getuid());
  ASSERT_TRUE(dump.refresh(root));
  EXPECT_EQ(dump.names().find(0x103f), "compiled");
  EXPECT_EQ(dump.names().find(0x9000), "compiled");
  std::ofstream(path, std::ios::app | std::ios::binary) << dump_load(0x2000, 16, "later");
  ASSERT_TRUE(dump.refresh(root));
  EXPECT_EQ(dump.names().find(0x2000), "later");
}

TEST(JitDumpFile, RecordOfImpossibleSizeEndsTheDump) {
  TempDirectory directory;
  std::string bad;
  put(bad, std::uint32_t{0});
  put(bad, std::uint32_t{3});
  put(bad, std::uint64_t{0});
  directory.write("jit-1.dump",
                  dump_header() + dump_load(0x1000, 64, "good") + bad + dump_load(0x2000, 64, "x"));
  const TargetRoot root = *TargetRoot::open(directory.path());
  JitDump dump("/jit-1.dump", ::getuid());
  EXPECT_FALSE(dump.refresh(root));
  EXPECT_EQ(dump.names().find(0x1000), "good");
  EXPECT_EQ(dump.names().find(0x2000), "");
}

TEST(JitDumpFile, OtherFilesAreRefused) {
  TempDirectory directory;
  directory.write("jit-1.dump", std::string(4096, 'x'));
  EXPECT_FALSE(JitDump("/jit-1.dump", ::getuid()).refresh(*TargetRoot::open(directory.path())));
}

class ProcessCodeNames : public testing::Test {
 protected:
  void write_map(const std::string& text) {
    std::filesystem::create_directories(directory_.path() + "/tmp");
    directory_.write("tmp/perf-7.map", text);
  }
  // What a symbolizer that sees the process for the first time says.
  std::string name(std::uint64_t address, std::uint64_t image = 1) {
    Symbolizer symbolizer({});
    return name(symbolizer, address, image);
  }
  std::string name(Symbolizer& symbolizer, std::uint64_t address, std::uint64_t image) {
    CodeOwner owner = owner_;
    owner.image = image;
    const auto frames = symbolizer.symbolize_process(owner, {address});
    return frames.size() == 1 ? frames[0].function : "";
  }

  TempDirectory directory_;
  CodeOwner owner_{.pid = 1,
                   .inner_pid = 7,
                   .uid = ::getuid(),
                   .dump = "",
                   .root = std::make_shared<const TargetRoot>(*TargetRoot::open(directory_.path()))};
};

TEST_F(ProcessCodeNames, AMapUnderThePidThatTheProcessSeesNamesItsCode) {
  EXPECT_EQ(name(0x5000), "[anon]");
  write_map("5000 100 LazyCompile:*f file.js:3\n");
  EXPECT_EQ(name(0x5010), "LazyCompile:*f file.js:3");
  EXPECT_EQ(name(0x9000), "[jit]") << "it writes a map, but has not named this";
}

TEST_F(ProcessCodeNames, ADumpThatItHasMappedComesFirst) {
  write_map("1000 100 by_map\n2000 100 by_map\n");
  directory_.write("home/jit-7.dump", dump_header() + dump_load(0x1000, 64, "by_dump"));
  owner_.dump = "/home/jit-7.dump";
  EXPECT_EQ(name(0x1010), "by_dump");
  EXPECT_EQ(name(0x2010), "by_map");
}

TEST_F(ProcessCodeNames, AnotherProgramUnderThePidHasNoneOfTheNames) {
  write_map("5000 100 first\n");
  Symbolizer symbolizer({});
  EXPECT_EQ(name(symbolizer, 0x5000, 1), "first");
  directory_.remove("tmp/perf-7.map");
  EXPECT_EQ(name(symbolizer, 0x5000, 2), "[anon]");
}

TEST(CodeOwner, IsFoundWhileTheProcessLives) {
  const auto self = find_code_owner(::getpid(), 3, "/tmp/jit-1.dump");
  ASSERT_TRUE(self);
  EXPECT_EQ(self->uid, ::getuid());
  EXPECT_EQ(self->inner_pid, ::getpid());
  EXPECT_EQ(self->image, 3u);
  EXPECT_FALSE(find_code_owner((1 << 22) + 1, 3, ""));
  EXPECT_TRUE(is_dump_path("/home/x/.debug/jit/jit-12.dump"));
  EXPECT_FALSE(is_dump_path("/home/jit-1/core.dump"));
}

}  // namespace
}  // namespace stoker::symbolize
