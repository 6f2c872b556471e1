#include "discovery/binaries.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "discovery/open_beneath.h"
#include "discovery/procfs.h"
#include "proc_tree.h"

namespace stoker::discovery {
namespace {

namespace fs = std::filesystem;

const std::string kOwnFile = fs::read_symlink("/proc/self/exe").string();

FileKey key_of(const std::string& path) {
  struct stat status{};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return {.major = ::major(status.st_dev), .minor = ::minor(status.st_dev), .inode = status.st_ino};
}

// A fake process whose root directory is a directory of the tree.
class Binaries : public testing::Test {
 protected:
  Binaries() {
    proc_.add({.pid = 5});
    fs::create_directory(proc_.of(5) + "/root");
    copy("/usr/bin/app");
  }
  void copy(const std::string& path, int pid = 5) const {
    const std::string to = in_root(path, pid);
    fs::create_directories(fs::path(to).parent_path());
    fs::copy_file("/bin/true", to, fs::copy_options::overwrite_existing);
  }
  std::string in_root(const std::string& path, int pid = 5) const { return proc_.of(pid) + "/root" + path; }
  FileRequest request(std::string_view path, const FileKey& key) const {
    return {.path = path, .key = key, .pid = 5};
  }

  ProcTree proc_;
  BinaryTable table_{{.proc_root = proc_.path(), .own_root = proc_.path() + "/own"}};
};

TEST_F(Binaries, AFileIsFoundInTheProcesssOwnRoot) {
  const auto binary = table_.open(request("/usr/bin/app", key_of(in_root("/usr/bin/app"))));
  ASSERT_TRUE(binary);
  EXPECT_EQ(binary->path, "/usr/bin/app");
  EXPECT_EQ(binary->root, proc_.of(5) + "/root");
  ASSERT_TRUE(binary->elf);
  EXPECT_EQ(binary->build_id, elf::ElfFile::open("/bin/true")->build_id());
  EXPECT_GT(binary->id, 0u);
}

TEST_F(Binaries, AFileIsOpenedOnceHoweverOftenItIsAskedFor) {
  const auto key = key_of(in_root("/usr/bin/app"));
  const auto first = table_.open(request("/usr/bin/app", key));
  EXPECT_EQ(table_.open(request("/usr/bin/app", key)), first);
  EXPECT_EQ(table_.opened(), 1u);
}

TEST_F(Binaries, AnotherFileOfTheSameNameIsNotTaken) {
  auto key = key_of(in_root("/usr/bin/app"));
  ++key.inode;
  EXPECT_FALSE(table_.open(request("/usr/bin/app", key)));
  EXPECT_EQ(table_.not_found(), 1u);
}

TEST_F(Binaries, AnotherDeviceIsAnotherFile) {
  auto key = key_of(in_root("/usr/bin/app"));
  ++key.minor;
  EXPECT_FALSE(table_.open(request("/usr/bin/app", key)));
}

TEST_F(Binaries, ABuildIdMustBeTheFiles) {
  const auto elf = elf::ElfFile::open("/bin/true");
  const std::string id = elf->build_id();
  FileKey key;
  key.build_id_size = 20;
  for (std::size_t i = 0; i < 20; ++i) {
    key.build_id[i] = static_cast<std::byte>(std::stoi(id.substr(i * 2, 2), nullptr, 16));
  }
  EXPECT_TRUE(table_.open(request("/usr/bin/app", key)));
  key.build_id[3] ^= std::byte{1};
  EXPECT_FALSE(table_.open(request("/usr/bin/app", key)));
}

TEST_F(Binaries, OfAProcessThatIsGoneTheAgentsRootAndTheNeighboursAreAsked) {
  copy("/usr/bin/app", 6);
  auto gone = request("/usr/bin/app", key_of(in_root("/usr/bin/app", 6)));
  gone.alive = false;
  EXPECT_FALSE(table_.open(gone));
  const std::vector<pid_t> neighbours{4, 6};
  gone.neighbours = neighbours;
  EXPECT_TRUE(table_.open(gone));

  const std::string own = proc_.path() + "/own/opt/x";
  fs::create_directories(fs::path(own).parent_path());
  fs::copy_file("/bin/true", own);
  auto in_own_root = request("/opt/x", key_of(own));
  in_own_root.alive = false;
  EXPECT_TRUE(table_.open(in_own_root));
}

TEST_F(Binaries, SymlinksAreNotFollowed) {
  fs::create_symlink(kOwnFile, in_root("/usr/bin/link"));
  EXPECT_FALSE(table_.open(request("/usr/bin/link", key_of(kOwnFile))));
  fs::create_directory_symlink("/usr/bin", in_root("/linked"));
  EXPECT_FALSE(table_.open(request("/linked/true", key_of("/usr/bin/true"))));
}

TEST_F(Binaries, NothingOutsideTheRootIsReached) {
  const std::string outside = proc_.path() + "/outside";
  fs::copy_file("/bin/true", outside);
  EXPECT_FALSE(table_.open(request("/../../outside", key_of(outside))));
}

TEST_F(Binaries, OnlyRegularFilesAreRead) {
  const std::string fifo = in_root("/fifo");
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_FALSE(table_.open(request("/fifo", key_of(fifo))));
  EXPECT_FALSE(table_.open(request("/usr", key_of(in_root("/usr")))));
  EXPECT_EQ(table_.opened(), 0u);
}

TEST_F(Binaries, AFileThatIsNoElfIsKnownWithoutOne) {
  write_file(in_root("/data"), "this is no program");
  const auto binary = table_.open(request("/data", key_of(in_root("/data"))));
  ASSERT_TRUE(binary);
  EXPECT_FALSE(binary->elf);
  EXPECT_EQ(binary->path, "/data");
}

TEST_F(Binaries, AFileWrittenAnewIsAnotherBinary) {
  const auto before = table_.open(request("/usr/bin/app", key_of(in_root("/usr/bin/app"))));
  write_file(in_root("/usr/bin/app"), "shorter");
  const auto after = table_.open(request("/usr/bin/app", key_of(in_root("/usr/bin/app"))));
  ASSERT_TRUE(after);
  EXPECT_NE(after->id, before->id);
  EXPECT_FALSE(after->elf);
}

TEST_F(Binaries, FilesThatNobodyHoldsAreClosed) {
  auto binary = table_.open(request("/usr/bin/app", key_of(in_root("/usr/bin/app"))));
  auto pseudo = table_.without_file("[anon]", "");
  EXPECT_EQ(table_.sweep(), 2u);
  binary.reset();
  EXPECT_EQ(table_.sweep(), 1u);
  pseudo.reset();
  EXPECT_EQ(table_.sweep(), 0u);
}

TEST_F(Binaries, MemoryWithoutAFileHasOneBinaryForEachName) {
  const auto anon = table_.without_file("[anon]", "");
  EXPECT_EQ(table_.without_file("[anon]", ""), anon);
  EXPECT_NE(table_.without_file("[heap]", ""), anon);
  EXPECT_NE(table_.without_file("/gone", "ab")->id, table_.without_file("/gone", "cd")->id);
}

TEST(BinariesLive, TheVdsoIsAnElfFileWithSymbols) {
  BinaryTable table;
  std::uint64_t size = 0;
  read_executable_maps("/proc", ::getpid(), [&](const MapsLine& line) {
    size = line.path == "[vdso]" ? line.end.value - line.start.value : size;
  });
  const auto vdso = table.vdso(size);
  ASSERT_TRUE(vdso->elf);
  EXPECT_TRUE(vdso->elf->find_section(".dynsym"));
  EXPECT_FALSE(table.vdso(size + 4096)->elf);
}

// map_files needs CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE.
TEST(BinariesLive, DeletedFilesAndMemfdsAreReadThroughMapFiles) {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "needs root";
  }
  const int fd = ::memfd_create("jit", 0);
  const auto program = read_file("/bin/true").value();
  ASSERT_EQ(::write(fd, program.data(), program.size()), static_cast<ssize_t>(program.size()));
  void* const mapped = ::mmap(nullptr, program.size(), PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
  ASSERT_NE(mapped, MAP_FAILED);
  ::close(fd);
  FileRequest request{.path = "/memfd:jit", .pid = ::getpid()};
  read_executable_maps("/proc", ::getpid(), [&](const MapsLine& line) {
    if (line.start.value == reinterpret_cast<std::uint64_t>(mapped)) {
      EXPECT_EQ(line.path, "/memfd:jit (deleted)");
      request.key = line.file;
      request.range = {line.start, line.end, line.offset};
    }
  });
  BinaryTable table;
  const auto binary = table.open(request);
  ASSERT_TRUE(binary);
  EXPECT_TRUE(binary->elf);
  ::munmap(mapped, program.size());
  FileRequest gone = request;
  BinaryTable other;
  EXPECT_FALSE(other.open(gone));
}

TEST(OpenBeneath, StaysBeneathAndFollowsNothing) {
  TempDir directory;
  write_file(directory.path() + "/a/b/file", "x");
  fs::create_symlink("/etc/passwd", directory.path() + "/a/link");
  EXPECT_TRUE(open_beneath(directory.path(), "/a/b/file"));
  EXPECT_TRUE(open_beneath(directory.path(), "a//b/./file"));
  EXPECT_FALSE(open_beneath(directory.path(), "/a/link"));
  EXPECT_FALSE(open_beneath(directory.path(), "/etc/passwd"));
  EXPECT_FALSE(open_beneath(directory.path(), "/../../../../etc/passwd"));
  EXPECT_FALSE(open_beneath(directory.path(), std::string_view("/a/b/file\0x", 11)));
  EXPECT_FALSE(open_beneath(directory.path() + "/nothing", "/a"));
}

}  // namespace
}  // namespace stoker::discovery
