#include "agent/process_timeline.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

namespace stoker::agent {
namespace {

using discovery::CommEvent;
using discovery::ForkEvent;
using discovery::SidebandEvent;

constexpr std::uint64_t kMillisecond = 1'000'000;
constexpr std::uint64_t kStart = 1'000'000'000'000;

class Timeline : public testing::Test {
 protected:
  Timeline()
      : table_({.proc_root = "/nonexistent"}, binaries_),
        timeline_(table_, [this](const SidebandEvent&) { ++applied_; }) {
    add(0, ForkEvent{.pid = kPid, .tid = kPid, .parent = 1});
    add(0, CommEvent{.pid = kPid, .tid = kPid, .exec = true, .comm = "shell"});
    timeline_.advance(at(1));
    applied_ = 0;
  }

  static MonotonicTime at(std::uint64_t ms) { return {kStart + ms * kMillisecond}; }
  void add(std::uint64_t ms, decltype(SidebandEvent::what) what) {
    const SidebandEvent event{at(ms), std::move(what)};
    timeline_.add({&event, 1});
  }
  void add_exec(std::uint64_t ms, std::string comm) {
    add(ms, CommEvent{.pid = kPid, .tid = kPid, .exec = true, .comm = std::move(comm)});
  }
  static sample_record sample(std::uint64_t ms, const std::string& comm, std::uint32_t tid = kPid) {
    sample_record record{};
    record.time_ns = at(ms).ns;
    record.pid = kPid;
    record.tid = tid;
    std::memcpy(record.comm, comm.data(), comm.size());
    return record;
  }
  const discovery::Process& process() { return *table_.find(kPid); }

  static constexpr pid_t kPid = 70;
  discovery::BinaryTable binaries_;
  discovery::ProcessTable table_;
  int applied_ = 0;
  ProcessTimeline timeline_;
};

TEST_F(Timeline, ASampleMeetsTheProcessAsItWasThen) {
  add_exec(20, "ls");
  EXPECT_TRUE(timeline_.reach(sample(10, "shell"), at(100)));
  EXPECT_EQ(process().comm, "shell");
  EXPECT_TRUE(timeline_.reach(sample(30, "ls"), at(100)));
  EXPECT_EQ(process().comm, "ls");
}

TEST_F(Timeline, ASampleWaitsUntilAllEventsBeforeItAreThere) {
  EXPECT_FALSE(timeline_.reach(sample(10, "shell"), at(10)));
  EXPECT_TRUE(timeline_.reach(sample(10, "shell"), at(11)));
}

// As in the kernel's exec: the new name first, the record of it a moment later.
TEST_F(Timeline, ASampleBetweenANewNameAndItsRecordIsOfTheNewImage) {
  const std::uint64_t old_image = process().image;
  add(11, CommEvent{.pid = 99, .tid = 99, .comm = "other"});
  add_exec(12, "ls");
  add(13, CommEvent{.pid = kPid, .tid = kPid, .comm = "renamed"});
  EXPECT_TRUE(timeline_.reach(sample(10, "ls"), at(100)));
  EXPECT_EQ(process().comm, "ls");
  EXPECT_NE(process().image, old_image);
  EXPECT_EQ(applied_, 1) << "other processes stay at the sample's time";
  timeline_.advance(at(100));
  EXPECT_EQ(process().comm, "renamed");
  EXPECT_EQ(applied_, 3);
}

TEST_F(Timeline, TheRecordOfANewNameIsWaitedFor) {
  EXPECT_FALSE(timeline_.reach(sample(10, "ls"), at(11)));
  timeline_.advance(at(11));
  add_exec(12, "ls");
  EXPECT_TRUE(timeline_.reach(sample(10, "ls"), at(100)));
  EXPECT_EQ(process().comm, "ls");
}

TEST_F(Timeline, ARecordThatNeverComesIsNotWaitedForLong) {
  EXPECT_TRUE(timeline_.reach(sample(10, "ls"), at(2000)));
  EXPECT_EQ(process().comm, "shell");
}

TEST_F(Timeline, AThreadsNameSaysNothingOfItsProcess) {
  add_exec(12, "worker");
  EXPECT_TRUE(timeline_.reach(sample(10, "worker", kPid + 1), at(100)));
  EXPECT_EQ(process().comm, "shell");
}

TEST_F(Timeline, ALaterExecToTheSameNameIsAnotherProgram) {
  add_exec(10'000, "ls");
  EXPECT_TRUE(timeline_.reach(sample(10, "ls"), at(20'000)));
  EXPECT_EQ(process().comm, "shell");
}

}  // namespace
}  // namespace stoker::agent
