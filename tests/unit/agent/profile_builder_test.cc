// What a window's frames become in a profile.
#include "agent/profile_builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/symbolize/elf_builder.h"

namespace stoker::agent {
namespace {

using profile::FrameKind;
using symbolize::ElfBuilder;

// One sample of a stack in one binary with a function f at 0x1100.
class ProfileOfAWindow : public testing::Test {
 protected:
  profile::Profile profile_of(std::vector<MappedFrame> frames) {
    return profile_of(window_of(std::move(frames)));
  }

  static Window window_of(std::vector<MappedFrame> frames) {
    elf::Binary binary;
    binary.id = 1;
    binary.path = "/usr/bin/x";
    binary.build_id = "abcdef";
    binary.elf = ElfBuilder().symbols({{"f", 0x1100, 16}}).build();
    Window window;
    window.samples = 1;
    window.binaries = {std::make_shared<const elf::Binary>(std::move(binary))};
    window.processes = {{.pid = 1, .image = 1, .comm = "x", .exe = "/usr/bin/x", .container = {}}};
    window.thread_names = {"x"};
    window.stacks = {{0, static_cast<std::uint32_t>(frames.size())}};
    window.frames = std::move(frames);
    window.cells = {{.samples = 1}};
    return window;
  }

  static profile::Profile profile_of(const Window& window) {
    symbolize::Symbolizer symbolizer({});
    const NamedWindow named(window, symbolizer);
    std::vector<TargetProfile> profiles = ProfileBuilder({}).build(named, whole_target);
    return profiles.size() == 1 ? std::move(profiles[0].profile) : profile::Profile();
  }

  // The location at a place of the only stack, leaf first.
  static const profile::Location& location(const profile::Profile& profile, std::size_t place) {
    return profile.locations().at(profile.stacks().at(profile.samples().at(0).stack).at(place));
  }
};

TEST_F(ProfileOfAWindow, CodeWithoutANameKeepsAddressBuildIdAndAMappingOfItsOwn) {
  const profile::Profile profile =
      profile_of({{.address = 0x1500, .binary = 0}, {.address = 0x1104, .binary = 0}});
  const profile::Location& unnamed = location(profile, 0);
  const profile::Location& named = location(profile, 1);
  EXPECT_TRUE(unnamed.lines.empty());
  EXPECT_EQ(unnamed.address, 0x1500u);
  ASSERT_EQ(named.lines.size(), 1u);
  EXPECT_EQ(profile.functions().at(named.lines[0].function).name, "f");
  ASSERT_NE(unnamed.mapping, named.mapping) << "a server takes all of a mapping with functions for named";
  const profile::Mapping& with = profile.mappings().at(named.mapping);
  profile::Mapping without = profile.mappings().at(unnamed.mapping);
  EXPECT_FALSE(without.has_functions);
  EXPECT_TRUE(with.has_functions);
  EXPECT_EQ(without.build_id, "abcdef");
  EXPECT_EQ(without.path, "/usr/bin/x");
  EXPECT_EQ(without.start, ElfBuilder::kText);
  without.has_functions = true;
  EXPECT_EQ(without, with) << "they differ in nothing else";
}

TEST_F(ProfileOfAWindow, TheFirstMappingIsTheProgramsThoughSamplesOfItsExecComeFirst) {
  Window window = window_of({{.address = 0, .kind = FrameKind::kKernel}, {.address = 0x1104, .binary = 0}});
  window.processes.insert(window.processes.begin(),
                          {.pid = 1, .image = 0, .comm = "agent", .exe = "/usr/bin/agent", .container = {}});
  window.stacks = {{0, 1}, {1, 1}};
  window.samples = 2;
  window.cells = {{.samples = 1}, {.process = 1, .stack = 1, .samples = 1}};
  const profile::Profile profile = profile_of(window);
  ASSERT_GE(profile.mappings().size(), 2u);
  EXPECT_EQ(profile.mappings().at(1).path, "/usr/bin/x");
}

TEST_F(ProfileOfAWindow, CodeOfAProcessThatCouldNotBeLookedAtIsNamedByItsMemory) {
  elf::Binary memory;
  memory.id = 2;
  memory.path = "[anon]";
  Window window;
  window.samples = 1;
  window.binaries = {std::make_shared<const elf::Binary>(std::move(memory))};
  window.processes = {{.pid = 1, .image = 1, .comm = "x", .exe = "/usr/bin/x", .container = {}}};
  window.thread_names = {"x"};
  window.stacks = {{0, 1}};
  window.frames = {{.address = 0x7f0000001000, .binary = 0, .pid = 1, .kind = FrameKind::kRuntime}};
  window.cells = {{.samples = 1}};
  symbolize::Symbolizer symbolizer({});
  const NamedWindow named(window, symbolizer);
  const std::vector<TargetProfile> profiles = ProfileBuilder({}).build(named, whole_target);
  ASSERT_EQ(profiles.size(), 1u);
  const profile::Profile& profile = profiles[0].profile;
  EXPECT_EQ(frame_name(profile, location(profile, 0), 0), "[anon]");
}

}  // namespace
}  // namespace stoker::agent
