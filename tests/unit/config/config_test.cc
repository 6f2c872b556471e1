#include "config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "config/keys.h"
#include "config/reference.h"
#include "config/suggest.h"
#include "config/value.h"

namespace stoker::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using testing::StartsWith;
using namespace std::chrono_literals;

std::string message_of(std::string_view text) {
  const auto parsed = parse(text, "agent.yaml");
  return parsed ? "accepted" : parsed.error().message();
}

TEST(Config, AnEmptyFileGivesTheDefaults) {
  for (const char* text : {"", "# only a comment\n", "---\n", "sampling:\nweb:\n"}) {
    const auto config = parse(text, "agent.yaml");
    ASSERT_TRUE(config) << config.error().message();
    EXPECT_EQ(config->sampling.rate, 97);
    EXPECT_EQ(config->sampling.interval, 15s);
    EXPECT_TRUE(config->sampling.kernel_stacks);
    EXPECT_EQ(config->web.listen, "127.0.0.1:4141");
    EXPECT_EQ(config->pyroscope.url, "");
    EXPECT_EQ(config->pyroscope.max_backoff, 5min);
    EXPECT_EQ(config->unwind.table_budget, 64U << 20);
    EXPECT_EQ(config->log.level, "info");
  }
}

TEST(Config, EveryKeyIsReadIntoItsOwnField) {
  const auto config = parse(R"(
sampling: {rate: 19, interval: 1m30s, kernel_stacks: false, pids: [7, 8], comm: "^java$"}
labels:
  cluster: eu1
  build: 1.10
pyroscope:
  url: https://push.example:4040/pyroscope
  tenant_id: team
  username: u
  password_file: /run/secret
  headers: {X-One: "1"}
  timeout: 2s
  min_backoff: 1s
  max_backoff: 1m
  max_retries: 3
  retry_on_429: false
  queue_size: 1MiB
  ca_file: /ca.pem
  insecure_skip_verify: true
web: {enabled: false, listen: "[::1]:0", keep: 5m, memory: 2MB}
output: {directory: /var/p, max_size: 2GiB, max_age: 48h}
log: {level: debug}
symbols: {demangle: none, debuginfod: true, memory_budget: 32MiB}
unwind: {table_budget: 128MiB}
)",
                            "agent.yaml");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->sampling.rate, 19);
  EXPECT_EQ(config->sampling.interval, 90s);
  EXPECT_FALSE(config->sampling.kernel_stacks);
  EXPECT_THAT(config->sampling.pids, ElementsAre(7, 8));
  EXPECT_EQ(config->sampling.comm, "^java$");
  EXPECT_THAT(config->labels, ElementsAre(Pair("cluster", "eu1"), Pair("build", "1.10")));
  EXPECT_EQ(config->pyroscope.url, "https://push.example:4040/pyroscope");
  EXPECT_EQ(config->pyroscope.tenant_id, "team");
  EXPECT_EQ(config->pyroscope.username, "u");
  EXPECT_EQ(config->pyroscope.password_file, "/run/secret");
  EXPECT_THAT(config->pyroscope.headers, ElementsAre(Pair("X-One", "1")));
  EXPECT_EQ(config->pyroscope.timeout, 2s);
  EXPECT_EQ(config->pyroscope.min_backoff, 1s);
  EXPECT_EQ(config->pyroscope.max_backoff, 1min);
  EXPECT_EQ(config->pyroscope.max_retries, 3);
  EXPECT_FALSE(config->pyroscope.retry_on_429);
  EXPECT_EQ(config->pyroscope.queue_size, 1U << 20);
  EXPECT_EQ(config->pyroscope.ca_file, "/ca.pem");
  EXPECT_TRUE(config->pyroscope.insecure_skip_verify);
  EXPECT_FALSE(config->web.enabled);
  EXPECT_EQ(config->web.listen, "[::1]:0");
  EXPECT_EQ(config->web.keep, 5min);
  EXPECT_EQ(config->web.memory, 2'000'000U);
  EXPECT_EQ(config->output.directory, "/var/p");
  EXPECT_EQ(config->output.max_size, 2ULL << 30);
  EXPECT_EQ(config->output.max_age, 48h);
  EXPECT_EQ(config->log.level, "debug");
  EXPECT_EQ(config->symbols.demangle, "none");
  EXPECT_TRUE(config->symbols.debuginfod);
  EXPECT_EQ(config->symbols.memory_budget, 32U << 20);
  EXPECT_EQ(config->unwind.table_budget, 128U << 20);
}

TEST(Config, ErrorsNameFileLineColumnCauseAndWhatIsAllowed) {
  EXPECT_EQ(message_of("sampling:\n  rate: fast\n"),
            "agent.yaml:2:9: \"fast\" is not a whole number; sampling.rate is a whole number, 1 to 10000");
  EXPECT_EQ(message_of("sampling:\n  rate: 0\n"),
            "agent.yaml:2:9: 0 is out of range; sampling.rate is a whole number, 1 to 10000");
  EXPECT_EQ(message_of("log:\n  level: loud\n"),
            "agent.yaml:2:10: \"loud\" is not allowed here; log.level is one of debug, info, warning, error");
}

TEST(Config, AnUnknownKeyIsAnErrorThatSaysWhatWasMeant) {
  EXPECT_EQ(message_of("sampling:\n  rat: 1\n"),
            "agent.yaml:2:3: unknown key \"sampling.rat\"; did you mean \"sampling.rate\"?");
  EXPECT_EQ(message_of("smapling:\n  rate: 1\n"),
            "agent.yaml:1:1: unknown key \"smapling\"; did you mean \"sampling\"?");
  EXPECT_EQ(message_of("debuginfod: true\n"),
            "agent.yaml:1:1: unknown key \"debuginfod\"; did you mean \"symbols.debuginfod\"?");
  EXPECT_EQ(message_of("colour: red\n"),
            "agent.yaml:1:1: unknown key \"colour\"; docs/configuration.md lists all keys");
}

TEST(Config, BrokenYamlIsAnErrorWithItsPlace) {
  EXPECT_THAT(message_of("web:\n  listen: [1, 2\n"), StartsWith("agent.yaml:3:1: "));
  EXPECT_THAT(message_of("web: {enabled: true\n"), StartsWith("agent.yaml:2:1: "));
  EXPECT_THAT(message_of("a: b: c\n"), StartsWith("agent.yaml:1:5: "));
  EXPECT_THAT(message_of("\tweb: 1\n"), StartsWith("agent.yaml:1:"));
  EXPECT_THAT(message_of(std::string("web:\0", 5)), HasSubstr("not text"));
}

TEST(Config, WrongShapesAreErrors) {
  EXPECT_THAT(message_of("- a\n"), HasSubstr("consists of sections"));
  EXPECT_THAT(message_of("sampling: 97\n"), HasSubstr("\"sampling\" is a section, not a value"));
  EXPECT_THAT(message_of("sampling: {rate: [1]}\n"), HasSubstr("has more than one value"));
  EXPECT_THAT(message_of("sampling: {rate: }\n"), HasSubstr("has no value"));
  EXPECT_THAT(message_of("sampling: {pids: 7}\n"), HasSubstr("is not a list"));
  EXPECT_THAT(message_of("sampling: {pids: [0]}\n"), HasSubstr("0 is out of range"));
  EXPECT_THAT(message_of("labels: [a]\n"), HasSubstr("does not consist of names with texts"));
  EXPECT_THAT(message_of("labels: {a-b: c}\n"), HasSubstr("\"a-b\" is not a name"));
  EXPECT_THAT(message_of("labels: {__name__: c}\n"), HasSubstr("\"__name__\" is not a name"));
  EXPECT_THAT(message_of("? [a, b]\n: c\n"), HasSubstr("a key is a word"));
  EXPECT_THAT(message_of("web: {}\n---\nweb: {}\n"), HasSubstr("a second document"));
  EXPECT_THAT(message_of(", interval: 1m30s"), HasSubstr("a second document"));  // endless ones to yaml-cpp
}

TEST(Config, AKeyThatIsThereTwiceIsAnError) {
  EXPECT_EQ(message_of("web:\n  keep: 5m\n  keep: 6m\n"),
            "agent.yaml:3:3: \"web.keep\" is there twice; keep one of them");
  EXPECT_THAT(message_of("labels: {a: 1, a: 2}\n"), HasSubstr("\"a\" is there twice"));
}

TEST(Config, WaysToAuthenticateExcludeEachOther) {
  EXPECT_THAT(
      message_of("pyroscope:\n  username: u\n  bearer_token: t\n"),
      StartsWith("agent.yaml:3:3: \"pyroscope.bearer_token\" cannot stand beside \"pyroscope.username\""));
  EXPECT_THAT(message_of("pyroscope: {password: p}\n"), HasSubstr("needs \"pyroscope.username\""));
  EXPECT_THAT(message_of("pyroscope: {min_backoff: 10m}\n"), HasSubstr("is longer than"));
}

TEST(Config, AddressesAndUrlsAreChecked) {
  for (const char* bad :
       {"4141", ":4141", "localhost", "localhost:x", "localhost:70000", "::1:80", "a b:80"}) {
    EXPECT_THAT(message_of(std::string("web: {listen: '") + bad + "'}"), HasSubstr("is not an address"))
        << bad;
  }
  for (const char* bad : {"localhost:4040", "ftp://x", "http://", "http://a b"}) {
    EXPECT_THAT(message_of(std::string("pyroscope: {url: '") + bad + "'}"), HasSubstr("is not an address"))
        << bad;
  }
  EXPECT_EQ(message_of("pyroscope: {url: ''}"), "accepted");
}

TEST(Config, AliasesThatMultiplyAreNoWork) {
  std::string text = "labels: &a0 {x: y}\n";
  EXPECT_NE(message_of("a: &a [1,1]\nb: &b [*a,*a]\nc: &c [*b,*b]\n"), "accepted");
  EXPECT_NE(message_of(std::string(100'000, '[')), "accepted");
  EXPECT_NE(message_of(std::string(2 << 20, 'x')), "accepted");
}

TEST(ConfigValue, DurationsAddUpTheirUnits) {
  EXPECT_EQ(parse_duration("1m30s").value(), 90s);
  EXPECT_EQ(parse_duration("500ms").value(), 500ms);
  EXPECT_EQ(parse_duration("1h").value(), 3600s);
  EXPECT_EQ(parse_duration("0").value(), 0s);
  for (const char* bad : {"", "15", "s", "-1s", "1.5s", "30s1m", "1s1s", "15 s", "1d", "99999999999h"}) {
    EXPECT_FALSE(parse_duration(bad)) << bad;
  }
}

TEST(ConfigValue, SizesHaveDecimalAndBinaryUnits) {
  EXPECT_EQ(parse_size("64MiB").value(), 64U << 20);
  EXPECT_EQ(parse_size("1GB").value(), 1'000'000'000U);
  EXPECT_EQ(parse_size("4096").value(), 4096U);
  for (const char* bad : {"", "MiB", "1TB", "-1", "1.5MiB", "1 MiB", "1MiB1", "99999999999GiB"}) {
    EXPECT_FALSE(parse_size(bad)) << bad;
  }
}

TEST(ConfigKeys, EveryDefaultIsAValueThatTheKeyAllows) {
  // parse() reads the defaults like the file, so one bad default would make this fail.
  EXPECT_EQ(message_of(""), "accepted");
  for (const Key& key : keys()) {
    EXPECT_FALSE(key.sentence.empty()) << key.path;
    EXPECT_EQ(key.sentence.back(), '.') << key.path;
  }
}

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// With STOKER_UPDATE_DOCS set it writes the pages, else it compares.
TEST(ConfigReference, ThePagesInDocsAreFresh) {
  const std::filesystem::path docs =
      (std::filesystem::path(STOKER_TEST_DATA) / ".." / ".." / "docs").lexically_normal();
  const std::pair<const char*, std::string> pages[] = {{"configuration.md", reference_markdown()},
                                                       {"configuration.schema.json", reference_schema()}};
  for (const auto& [name, text] : pages) {
    if (std::getenv("STOKER_UPDATE_DOCS") != nullptr) {
      std::ofstream(docs / name) << text;
    }
    EXPECT_EQ(read(docs / name), text) << name << " is stale: run this test with STOKER_UPDATE_DOCS=1";
  }
}

TEST(ConfigReference, TheSchemaHasEveryKey) {
  const auto schema = nlohmann::json::parse(reference_schema());
  std::size_t found = 0;
  for (const auto& [name, section] : schema["properties"].items()) {
    found += section.contains("properties") ? section["properties"].size() : 1;
  }
  EXPECT_EQ(found, keys().size());
}

}  // namespace
}  // namespace stoker::config
