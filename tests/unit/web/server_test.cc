#include "web/server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <thread>

#include "profile/pprof_reader.h"
#include "web/host_check.h"

namespace stoker::web {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

profile::Profile window(const std::string& process, std::int64_t count, WallTime time = wall_now()) {
  profile::Profile p;
  p.sample_types = {{"samples", "count"}, {"cpu", "nanoseconds"}};
  p.period_type = {"cpu", "nanoseconds"};
  p.period = 10;
  p.default_sample_type = "cpu";
  p.time = time;
  p.duration = std::chrono::seconds(15);
  const auto function = p.add_function({.name = process + "_main"});
  const std::vector<profile::LocationId> stack = {p.add_location({.address = 1, .lines = {{function, 1}}})};
  p.add_sample(p.add_stack(stack),
               p.add_labels({{.key = "pid", .number = 7}, {.key = "process", .text = process}}),
               std::vector<std::int64_t>{count, count * 10});
  return p;
}

class WebTest : public testing::Test {
 protected:
  void start(ServerOptions options = {}) {
    if (options.listen == ServerOptions().listen) {
      options.listen = "127.0.0.1:0";
    }
    auto started = Server::start(std::move(options), store, metrics);
    ASSERT_TRUE(started) << started.error().message();
    server = std::move(*started);
  }
  httplib::Response get(const std::string& path, const httplib::Headers& headers = {}) {
    httplib::Client client("127.0.0.1", server->port());
    const auto result = client.Get(path, headers);
    EXPECT_TRUE(result) << path;
    return result ? *result : httplib::Response();
  }

  RecentStore store{{}};
  metrics::Registry metrics;
  std::unique_ptr<Server> server;
};

TEST_F(WebTest, ThePageAndAllItsFilesAreServed) {
  start();
  const auto page = get("/");
  EXPECT_EQ(page.status, 200);
  EXPECT_THAT(page.get_header_value("Content-Type"), StartsWith("text/html"));
  EXPECT_THAT(page.get_header_value("Content-Security-Policy"), HasSubstr("default-src 'none'"));
  EXPECT_EQ(page.get_header_value("X-Content-Type-Options"), "nosniff");
  EXPECT_FALSE(page.has_header("Access-Control-Allow-Origin"));
  std::size_t files = 0;
  for (std::size_t at = page.body.find("assets/"); at != std::string::npos;
       at = page.body.find("assets/", at + 1)) {
    const std::string path = "/" + page.body.substr(at, page.body.find('"', at) - at);
    EXPECT_EQ(get(path).status, 200) << path;
    EXPECT_FALSE(get(path).body.empty()) << path;
    ++files;
  }
  EXPECT_EQ(files, 5U);
}

TEST_F(WebTest, TheFlameGraphHasTheWindowsOfTheRange) {
  ASSERT_TRUE(store.add(window("old", 1, {wall_now().ns - 600'000'000'000})));
  ASSERT_TRUE(store.add(window("new", 2)));
  start();
  const auto five = nlohmann::json::parse(get("/api/flame?minutes=5").body);
  EXPECT_THAT(five["strings"].dump(), HasSubstr("new_main"));
  EXPECT_THAT(five["strings"], testing::Contains("new")) << "processes of one name are one";
  EXPECT_THAT(five["strings"].dump(), testing::Not(HasSubstr("old_main")));
  const auto all = nlohmann::json::parse(get("/api/flame?minutes=15").body);
  EXPECT_THAT(all["strings"].dump(), HasSubstr("old_main"));
  const auto one = nlohmann::json::parse(get("/api/flame?minutes=15&process=old").body);
  EXPECT_THAT(one["strings"].dump(), testing::Not(HasSubstr("new_main")));
  EXPECT_EQ(one["title"], "old, last 15 min");
  EXPECT_THAT(one["strings"], testing::Contains("old (7)")) << "of one name, each for itself";
}

TEST_F(WebTest, AnEmptyStoreGivesAnEmptyGraph) {
  start();
  const auto graph = nlohmann::json::parse(get("/api/flame").body);
  EXPECT_EQ(graph["types"].size(), 2U);
  EXPECT_TRUE(graph["nodes"]["frame"].empty());
}

TEST_F(WebTest, NothingNewIsNotSentAgain) {
  ASSERT_TRUE(store.add(window("a", 1)));
  start();
  const std::string etag = get("/api/flame").get_header_value("ETag");
  EXPECT_EQ(get("/api/flame", {{"If-None-Match", etag}}).status, 304);
  EXPECT_EQ(get("/api/flame?minutes=1", {{"If-None-Match", etag}}).status, 200);
  ASSERT_TRUE(store.add(window("b", 1)));
  EXPECT_EQ(get("/api/flame", {{"If-None-Match", etag}}).status, 200);
}

TEST_F(WebTest, ProcessesComeWithTheLargestFirst) {
  ASSERT_TRUE(store.add(window("small", 1)));
  ASSERT_TRUE(store.add(window("</script>", 5)));
  ASSERT_TRUE(store.add(window("small", 1)));
  start();
  const auto answer = get("/api/processes");
  EXPECT_EQ(answer.get_header_value("Content-Type"), "application/json");
  EXPECT_EQ(nlohmann::json::parse(answer.body), (nlohmann::json{{{"process", "</script>"}, {"value", 50}},
                                                                {{"process", "small"}, {"value", 20}}}));
}

TEST_F(WebTest, TheDownloadIsPprof) {
  ASSERT_TRUE(store.add(window("a", 3)));
  ASSERT_TRUE(store.add(window("a", 4)));
  start();
  const auto answer = get("/api/profile.pb.gz?minutes=1");
  EXPECT_THAT(answer.get_header_value("Content-Disposition"), HasSubstr("profile.pb.gz"));
  const auto profile = profile::read_pprof(as_bytes(answer.body), "download");
  ASSERT_TRUE(profile) << profile.error().message();
  EXPECT_EQ(profile->total(0), 7);
}

TEST_F(WebTest, MetricsAreExposed) {
  metrics.counter("things_total", "Things.").add(3);
  start();
  EXPECT_THAT(get("/metrics").body, HasSubstr("things_total 3\n"));
  EXPECT_THAT(get("/metrics").get_header_value("Content-Type"), HasSubstr("version=0.0.4"));
}

TEST_F(WebTest, ReadinessFollowsItsCallbackAndHealthDoesNot) {
  std::atomic<bool> is_ready = false;
  start({.ready = [&is_ready]() -> Result<> {
    return is_ready ? Result<>() : make_error("not ready", "no samples yet");
  }});
  EXPECT_EQ(get("/-/ready").status, 503);
  EXPECT_EQ(get("/-/ready").body, "not ready: no samples yet\n");
  EXPECT_EQ(get("/-/healthy").status, 200);
  is_ready = true;
  EXPECT_EQ(get("/-/ready").status, 200);
}

TEST_F(WebTest, WrongRequestsGetClearAnswers) {
  start();
  EXPECT_EQ(get("/nothing").status, 404);
  EXPECT_EQ(get("/../etc/passwd").status, 404);
  EXPECT_EQ(get("/api/flame?minutes=0").status, 400);
  EXPECT_EQ(get("/api/flame?minutes=5x").status, 400);
  EXPECT_EQ(get("/api/profile.pb.gz?minutes=99999").status, 400);
  httplib::Client client("127.0.0.1", server->port());
  const auto posted = client.Post("/metrics", std::string(100'000, 'x'), "text/plain");
  ASSERT_TRUE(posted);
  EXPECT_EQ(posted->status, 405);
  EXPECT_EQ(posted->get_header_value("Allow"), "GET, HEAD");
  const auto head = client.Head("/metrics");
  ASSERT_TRUE(head);
  EXPECT_EQ(head->status, 200);
  EXPECT_EQ(head->body, "");
}

TEST_F(WebTest, ANameThatIsNotThisHostIsRefused) {
  start();
  EXPECT_EQ(get("/api/flame", {{"Host", "evil.example"}}).status, 403);
  EXPECT_EQ(get("/api/flame", {{"Host", "127.0.0.1.evil.example"}}).status, 403);
  EXPECT_EQ(get("/", {{"Host", "localhost:8080"}}).status, 200);
  EXPECT_EQ(get("/", {{"Host", "[::1]:4141"}}).status, 200);
}

TEST_F(WebTest, APortInUseIsOneLineThatSaysWhatToDo) {
  start();
  const std::string taken = "127.0.0.1:" + std::to_string(server->port());
  const auto second = Server::start({.listen = taken}, store, metrics);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().message(),
            "cannot listen on " + taken +
                ": Address already in use; stop the process that listens there, or choose "
                "another address with web.listen");
}

TEST_F(WebTest, WhatIsNoAddressOfThisHostIsAnError) {
  for (const char* bad : {"", "4141", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000", ":4141",
                          "192.0.2.1:4141", "no-such-host.invalid:4141"}) {
    const auto refused = Server::start({.listen = bad}, store, metrics);
    ASSERT_FALSE(refused) << bad;
    EXPECT_THAT(refused.error().message(), StartsWith("cannot listen on ")) << bad;
  }
}

// Connections that say nothing are as many as there are threads, twice over.
TEST_F(WebTest, SilentClientsLockNobodyOutForGood) {
  start();
  std::vector<int> silent;
  for (int i = 0; i < 8; ++i) {
    const int sock = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(server->port()));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(::connect(sock, reinterpret_cast<sockaddr*>(&to), sizeof(to)), 0);
    ASSERT_EQ(::send(sock, "GET / HT", 8, MSG_NOSIGNAL), 8);
    silent.push_back(sock);
  }
  httplib::Client client("127.0.0.1", server->port());
  client.set_read_timeout(60);
  const auto answer = client.Get("/-/healthy");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  for (const int sock : silent) {
    ::close(sock);
  }
}

TEST_F(WebTest, ManyAskWhileWindowsArrive) {
  start();
  std::atomic<bool> done = false;
  std::jthread pipeline([&] {
    while (!done) {
      ASSERT_TRUE(store.add(window("a", 1)));
    }
  });
  {
    std::vector<std::jthread> clients;
    for (int i = 0; i < 3; ++i) {
      clients.emplace_back([&] {
        for (int n = 0; n < 10; ++n) {
          EXPECT_EQ(get("/api/processes").status, 200);
          EXPECT_EQ(get("/metrics").status, 200);
        }
      });
    }
  }
  done = true;
}

TEST(HostCheck, LoopbackNamesAndAddresses) {
  for (const char* yes : {"localhost", "LocalHost", "app.localhost", "127.0.0.1", "127.9.9.9", "::1"}) {
    EXPECT_TRUE(is_loopback(yes)) << yes;
  }
  for (const char* no :
       {"", "localhost.example", "127.0.0.1.example", "128.0.0.1", "::2", "0.0.0.0", "notlocalhost"}) {
    EXPECT_FALSE(is_loopback(no)) << no;
  }
}

TEST(HostCheck, HeadersThatAreNotWellFormedNameNoHost) {
  EXPECT_EQ(host_of("localhost:4141"), "localhost");
  EXPECT_EQ(host_of("[::1]:4141"), "::1");
  EXPECT_EQ(host_of("[::1]"), "::1");
  EXPECT_EQ(host_of("[::1"), "");
  EXPECT_EQ(host_of("[::1]evil"), "");
  EXPECT_EQ(host_of("localhost:80:evil"), "");
  EXPECT_EQ(host_of("localhost:evil"), "");
}

}  // namespace
}  // namespace stoker::web
