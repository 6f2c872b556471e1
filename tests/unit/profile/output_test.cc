#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "profile/flame_tree.h"
#include "profile/folded.h"
#include "profile/format_value.h"
#include "profile/html.h"
#include "profile/pprof_reader.h"
#include "profile/speedscope.h"
#include "profile/svg.h"
#include "profile/text.h"
#include "profile/top_table.h"
#include "profile/write_file.h"
#include "sample_profile.h"

namespace stoker::profile {
namespace {

namespace fs = std::filesystem;
using test::add_named;
using test::small_profile;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kAttack = "</script><script>alert(1)</script>";

Profile attack_profile() {
  Profile profile = small_profile();
  const std::int64_t one[] = {1, 10};
  profile.add_sample(profile.add_stack(std::vector{add_named(profile, 1, 0x1100, {kAttack})}), 0, one);
  return profile;
}

TEST(Text, InvalidUtf8BecomesReplacementCharacters) {
  EXPECT_EQ(valid_utf8("a\xff"), "a\xEF\xBF\xBD");
  EXPECT_FALSE(is_valid_utf8("\xc0\x80"));
  EXPECT_FALSE(is_valid_utf8("\xed\xa0\x80"));
  EXPECT_FALSE(is_valid_utf8("\xf4\x90\x80\x80"));
  EXPECT_FALSE(is_valid_utf8("\xe2\x82"));
  EXPECT_TRUE(is_valid_utf8("grüße 世界 \xf0\x9f\x94\xa5"));
}

TEST(Text, JsonCanStandInsideAScriptElement) {
  std::string out;
  append_json(out, "\"\\\n</script>\xE2\x80\xA8");
  EXPECT_EQ(out, "\"\\\"\\\\\\u000a\\u003c/script\\u003e\\u2028\"");
}

TEST(Folded, HasOneLinePerStackWithTheProcessOutermost) {
  EXPECT_EQ(write_folded(small_profile()), "app (7);main;work;inlined 30\nmain;app+0x1030 10\n");
  EXPECT_EQ(write_folded(small_profile(), {.value_index = 0, .by_process = false}),
            "main;app+0x1030 1\nmain;work;inlined 3\n");
}

TEST(Folded, NamesCannotBreakTheFormat) {
  Profile profile;
  profile.sample_types = {{"samples", "count"}};
  const std::int64_t one[] = {1};
  profile.add_sample(profile.add_stack(std::vector{add_named(profile, 0, 0, {"a;b\nc 9"})}), 0, one);
  EXPECT_EQ(write_folded(profile), "a:b?c 9 1\n");
}

TEST(Folded, IsReadBackAsItWasWritten) {
  const std::string text = "main;[cut: loop] 2\nmain;f g;sys_read_[k] 7\n";
  const auto profile = read_folded(text, "x");
  ASSERT_TRUE(profile);
  EXPECT_EQ(profile->locations().at(2).kind, FrameKind::kMarker);
  EXPECT_EQ(write_folded(*profile), "main;[cut: loop] 2\nmain;f g;sys_read 7\n");
  EXPECT_FALSE(read_folded("main;f\n", "x"));
  EXPECT_FALSE(read_folded("main;f 1x\n", "x"));
}

TEST(TopTable, CountsARecursiveFunctionOnce) {
  Profile profile;
  profile.sample_types = {{"samples", "count"}};
  const LocationId f = add_named(profile, 0, 1, {"f"});
  const LocationId g = add_named(profile, 0, 2, {"g"});
  const std::int64_t two[] = {2};
  profile.add_sample(profile.add_stack(std::vector{f, f, g}), 0, two);
  profile.add_sample(profile.add_stack(std::vector{g}), 0, two);
  const std::vector<TopRow> rows = top_rows(profile);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].name, "g");
  EXPECT_EQ(rows[0].flat, 2);
  EXPECT_EQ(rows[0].cum, 4);
  EXPECT_EQ(rows[1].flat, 2);
  EXPECT_EQ(rows[1].cum, 2);
}

TEST(TopTable, HasHeaderLinesAndShares) {
  EXPECT_EQ(
      write_top_table(small_profile()),
      "File: app\nType: cpu\nTime: 2023-11-14 22:13:20 UTC\nDuration: 100ns, Total samples = 40ns (40.00%)\n"
      "Showing nodes accounting for 40ns, 100% of 40ns total\n"
      "      flat  flat%   sum%        cum   cum%\n"
      "      30ns 75.00% 75.00%       30ns 75.00%  inlined\n"
      "      10ns 25.00%   100%       10ns 25.00%  app+0x1030\n"
      "         0     0%   100%       40ns   100%  main\n"
      "         0     0%   100%       30ns 75.00%  work\n");
}

TEST(FormatValue, UsesTheLargestUnitThatFits) {
  EXPECT_EQ(format_value(2'510'000'000, "nanoseconds"), "2.51s");
  EXPECT_EQ(format_value(90, "seconds"), "1.50mins");
  EXPECT_EQ(format_value(1536, "bytes"), "1.50kB");
  EXPECT_EQ(format_value(-97, "count"), "-97");
}

TEST(FlameTree, MergesByNameInPreOrderWithProcessesFirst) {
  const FlameTree tree = build_flame_tree(small_profile(), {.by_process = true});
  std::vector<std::string> rows;
  for (const FlameNode& node : tree.nodes) {
    rows.push_back(std::to_string(node.depth) + tree.frames[node.frame].name);
  }
  EXPECT_THAT(rows,
              ElementsAre("0[no process]", "1main", "2app+0x1030", "0app (7)", "1main", "2work", "3inlined"));
  EXPECT_EQ(tree.totals()[1], 10);
  EXPECT_EQ(tree.totals()[3 * 2 + 1], 30);
  EXPECT_EQ(tree.self[3 * 2 + 1], 0);
  EXPECT_EQ(tree.frames[0].kind, FlameKind::kProcess);
}

TEST(FlameTree, WithoutProcessesMergesAllCallers) {
  const FlameTree tree = build_flame_tree(small_profile());
  EXPECT_FALSE(tree.by_process);
  EXPECT_EQ(tree.nodes.size(), 4u);
  EXPECT_EQ(tree.totals()[1], 40);
}

TEST(Html, ANameCannotStartAScript) {
  const std::string page = write_html(attack_profile(), {.title = kAttack});
  EXPECT_THAT(page, Not(HasSubstr("<script>alert(1)")));
  EXPECT_THAT(page, HasSubstr("\\u003cscript\\u003ealert(1)"));
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
}

TEST(FlameJson, SendsOneFactorForNanosecondsThatFollowTheCount) {
  EXPECT_THAT(flame_json(small_profile()), HasSubstr(R"("self":[[0,0,1,0,0,0,3],{"of":0,"times":10}])"));
}

TEST(Svg, HasEachFrameWithItsShareAndNoScript) {
  const std::string svg = write_svg(attack_profile());
  EXPECT_THAT(svg, HasSubstr("<title>inlined (30ns, 60.00%)</title>"));
  EXPECT_THAT(svg, Not(HasSubstr("<script")));
}

TEST(Speedscope, HasAProfileForEachProcessAndType) {
  const std::string json = write_speedscope(small_profile(), "title");
  EXPECT_THAT(json, HasSubstr(R"("name":"app (7) — cpu","unit":"nanoseconds","startValue":0,"endValue":30)"));
  EXPECT_THAT(json, HasSubstr(R"({"name":"work","file":"work.cc","line":12})"));
}

class WriteFile : public testing::Test {
 protected:
  WriteFile() : directory_(fs::temp_directory_path() / ("stoker-write-" + std::to_string(getpid()))) {
    fs::create_directories(directory_);
  }
  ~WriteFile() override { fs::remove_all(directory_); }

  std::string path(const std::string& name) const { return directory_ / name; }
  std::vector<std::string> entries() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(directory_)) {
      names.push_back(entry.path().filename());
    }
    return names;
  }

  fs::path directory_;
};

TEST_F(WriteFile, EachEndingHasItsFormat) {
  for (const char* name : {"a.pb.gz", "a.pb", "a.html", "a.folded", "a.speedscope.json", "a.svg"}) {
    EXPECT_TRUE(check_destination(path(name)));
    ASSERT_TRUE(write_profile_file(small_profile(), path(name))) << name;
  }
  EXPECT_EQ(entries().size(), 6u);
  std::ifstream file(path("a.pb.gz"));
  std::stringstream bytes;
  bytes << file.rdbuf();
  EXPECT_TRUE(read_pprof(as_bytes(bytes.str()), "a"));
}

TEST_F(WriteFile, AnUnknownEndingListsTheKnownOnes) {
  const auto checked = check_destination(path("a.txt"));
  ASSERT_FALSE(checked);
  EXPECT_THAT(checked.error().message(), HasSubstr(".pb.gz, .pb, .html, .folded, .speedscope.json, .svg"));
}

TEST_F(WriteFile, ADirectoryOrADeviceInTheWayIsAnErrorAndStays) {
  fs::create_directories(path("d.html"));
  EXPECT_THAT(write_profile_file(small_profile(), path("d.html")).error().message(),
              HasSubstr("it is a directory"));
  EXPECT_FALSE(check_destination(path("d.html")));
  ASSERT_EQ(mkfifo(path("p.html").c_str(), 0600), 0);
  EXPECT_THAT(write_profile_file(small_profile(), path("p.html")).error().message(),
              HasSubstr("not a regular file"));
  EXPECT_EQ(entries().size(), 2u);
}

TEST_F(WriteFile, AMissingDirectoryIsNamedInTheAdvice) {
  const auto checked = check_destination(path("no/such/a.html"));
  ASSERT_FALSE(checked);
  EXPECT_THAT(checked.error().message(), HasSubstr("create the directory " + path("no/such") + " first"));
}

TEST_F(WriteFile, CheckingLeavesTheOldFileAndNothingElse) {
  std::ofstream(path("a.html")) << "old";
  EXPECT_TRUE(check_destination(path("a.html")));
  EXPECT_THAT(entries(), ElementsAre("a.html"));
  EXPECT_EQ(fs::file_size(path("a.html")), 3u);
}

TEST_F(WriteFile, AWriteThatFailsLeavesTheOldFileAndNoOther) {
  std::ofstream(path("a.html")) << "old";
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{1000, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  const auto written = write_profile_file(small_profile(), path("a.html"));
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  ASSERT_FALSE(written);
  EXPECT_THAT(written.error().message(), HasSubstr("free some space"));
  EXPECT_THAT(entries(), ElementsAre("a.html"));
  EXPECT_EQ(fs::file_size(path("a.html")), 3u);
}

}  // namespace
}  // namespace stoker::profile
