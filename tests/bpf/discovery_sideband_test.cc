// The kernel's own records of real processes, read by Sideband and applied to a ProcessTable.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "discovery/processes.h"
#include "discovery/sideband.h"
#include "elf/elf_file.h"

namespace stoker::discovery {
namespace {

namespace fs = std::filesystem;

pid_t spawn(const std::string& program) {
  pid_t pid = 0;
  std::string name = fs::path(program).filename();
  char* const arguments[] = {name.data(), nullptr};
  EXPECT_EQ(::posix_spawn(&pid, program.c_str(), nullptr, nullptr, arguments, nullptr), 0);
  return pid;
}

void wait_for(pid_t pid) {
  int status = 0;
  EXPECT_EQ(::waitpid(pid, &status, 0), pid);
}

class RootSideband : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) {
      GTEST_SKIP() << "needs root";
    }
    auto opened = Sideband::open({.build_ids = GetParam()});
    ASSERT_TRUE(opened) << opened.error().message();
    sideband_ = std::make_unique<Sideband>(*std::move(opened));
  }
  // Everything that has happened until now.
  std::vector<SidebandEvent> drain() {
    const MonotonicTime now = monotonic_now();
    std::vector<SidebandEvent> events;
    while (sideband_->drain(events) < now) {
      ::usleep(1000);
    }
    return events;
  }

  std::unique_ptr<Sideband> sideband_;
  BinaryTable binaries_;
};

TEST_P(RootSideband, EveryOneOf300ShortProcessesIsKnownWholeAfterItsEnd) {
  const std::string build_id = elf::ElfFile::open("/bin/true")->build_id();
  ProcessTable table({}, binaries_);
  table.scan().value();
  std::vector<pid_t> pids;
  std::vector<SidebandEvent> events;
  for (int i = 0; i < 300; ++i) {
    pids.push_back(spawn("/bin/true"));
    wait_for(pids.back());
    if (i % 20 == 0) {
      std::ranges::move(drain(), std::back_inserter(events));
    }
  }
  std::ranges::move(drain(), std::back_inserter(events));
  EXPECT_TRUE(std::ranges::is_sorted(events, {}, &SidebandEvent::time));
  for (const SidebandEvent& event : events) {
    EXPECT_FALSE(std::holds_alternative<LostEvent>(event.what));
    table.apply(event);
  }
  int resolved = 0;
  for (const pid_t pid : pids) {
    ASSERT_TRUE(table.find(pid)) << pid;
    Process& process = table.at(pid);
    EXPECT_EQ(process.comm, "true");
    EXPECT_TRUE(process.exited);
    EXPECT_EQ(process.parent, ::getpid());
    bool vdso = false;
    process.mappings.for_each([&](const Mapping& mapping) {
      const auto found = table.resolve(process, mapping.start());
      ASSERT_TRUE(found);
      EXPECT_TRUE(found.binary->elf) << found.binary->path;
      vdso = vdso || found.binary->path == "[vdso]";
      if (found.binary->path.ends_with("/bin/true")) {
        EXPECT_EQ(found.binary->build_id, build_id);
        EXPECT_EQ(found.address, found.binary->elf->executable_segments().front().address);
        ++resolved;
      }
    });
    EXPECT_TRUE(vdso);
  }
  EXPECT_EQ(resolved, 300);
}

TEST_P(RootSideband, ALibraryLoadedLateIsSeen) {
  char directory[] = "/tmp/stoker-sideband-XXXXXX";
  ASSERT_NE(::mkdtemp(directory), nullptr);
  const std::string library = std::string(directory) + "/late.so";
  Dl_info where{};
  ASSERT_NE(::dladdr(reinterpret_cast<void*>(&::pthread_create), &where), 0);
  const std::string source = fs::exists("/usr/lib/x86_64-linux-gnu/libz.so.1")
                                 ? "/usr/lib/x86_64-linux-gnu/libz.so.1"
                                 : std::string(where.dli_fname);
  fs::copy_file(fs::canonical(source), library);
  ProcessTable table({}, binaries_);
  table.scan().value();
  void* const handle = ::dlopen(library.c_str(), RTLD_NOW);
  ASSERT_NE(handle, nullptr) << ::dlerror();
  fs::remove_all(directory);
  for (const SidebandEvent& event : drain()) {
    table.apply(event);
  }
  Process& self = table.at(::getpid());
  bool found = false;
  self.mappings.for_each([&](const Mapping& mapping) {
    if (table.file(mapping.file()).path == library) {
      const auto resolved = table.resolve(self, mapping.start());
      // Deleted by now: only map_files still has it.
      found = resolved && resolved.binary->elf != nullptr;
    }
  });
  EXPECT_TRUE(found);
  ::dlclose(handle);
}

TEST_P(RootSideband, RemovedCpusGiveNoMoreAndAddedOnesDo) {
  const std::size_t cpus = sideband_->fds().size();
  ASSERT_GT(cpus, 0u);
  EXPECT_TRUE(sideband_->add_cpu(0));
  EXPECT_EQ(sideband_->fds().size(), cpus);
  sideband_->remove_cpu(0);
  EXPECT_EQ(sideband_->fds().size(), cpus - 1);
  sideband_->remove_cpu(0);
  EXPECT_TRUE(sideband_->add_cpu(0));
  EXPECT_EQ(sideband_->fds().size(), cpus);
  EXPECT_FALSE(sideband_->add_cpu(60000));
}

INSTANTIATE_TEST_SUITE_P(Root, RootSideband, testing::Bool(),
                         [](const auto& info) { return info.param ? "BuildIds" : "Inodes"; });

}  // namespace
}  // namespace stoker::discovery
