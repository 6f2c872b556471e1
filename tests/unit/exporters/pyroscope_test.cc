// The exporter against a server in this process that answers as it is told. What the requests hold is judged by
// tests/e2e/pyroscope.
#include "exporters/pyroscope.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <thread>

namespace stoker::exporters {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;

class FakeServer {
 public:
  using Answer = std::function<void(const httplib::Request&, httplib::Response&)>;

  explicit FakeServer(Answer answer) {
    http_.Post("/push.v1.PusherService/Push", std::move(answer));
    port_ = http_.bind_to_any_port("127.0.0.1");
    thread_ = std::jthread([this] { http_.listen_after_bind(); });
    http_.wait_until_ready();
  }
  ~FakeServer() { http_.stop(); }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

 private:
  httplib::Server http_;
  int port_ = 0;
  std::jthread thread_;
};

Series series(std::int64_t samples = 1) {
  auto p = std::make_shared<profile::Profile>();
  p->sample_types = {{"samples", "count"}};
  p->time = wall_now();
  p->add_sample(p->add_stack(std::vector<profile::LocationId>{}), 0, std::vector<std::int64_t>{samples});
  return {.labels = {{"service_name", "s"}}, .profile = p};
}

PyroscopeExporter::Options options_for(const std::string& url) {
  PyroscopeExporter::Options options;
  options.target.url = url;
  options.target.timeout = milliseconds(5'000);
  options.queue.min_backoff = milliseconds(1);
  options.queue.max_backoff = milliseconds(5);
  return options;
}

class PyroscopeTest : public testing::Test {
 protected:
  std::unique_ptr<PyroscopeExporter> start(PyroscopeExporter::Options options) {
    auto started = PyroscopeExporter::start(std::move(options), registry);
    EXPECT_TRUE(started) << started.error().message();
    return started ? std::move(*started) : nullptr;
  }
  double dropped(const std::string& reason) { return PushMetrics(registry).dropped(reason).value(); }

  metrics::Registry registry;
};

// Waits without a limit of its own: the test's is ctest's.
void wait_until(const std::function<bool()>& done) {
  while (!done()) {
    std::this_thread::sleep_for(milliseconds(2));
  }
}

TEST_F(PyroscopeTest, ARequestIsGivenUpAfterItsRetries) {
  std::atomic<int> requests = 0;
  const FakeServer server([&](const httplib::Request&, httplib::Response& response) {
    ++requests;
    response.status = 500;
  });
  auto options = options_for(server.url());
  options.queue.max_retries = 3;
  const auto exporter = start(options);
  EXPECT_TRUE(exporter->push({series()}));
  wait_until([&] { return dropped("retries") == 1; });
  EXPECT_EQ(requests, 4);
  EXPECT_EQ(PushMetrics(registry).retries.value(), 3);
}

TEST_F(PyroscopeTest, AFullQueueDropsTheOldestAndCounts) {
  std::promise<void> release;
  const auto released = release.get_future().share();
  std::atomic<int> requests = 0;
  const FakeServer server([&](const httplib::Request&, httplib::Response&) {
    ++requests;
    released.wait();
  });
  auto options = options_for(server.url());
  options.max_incoming = 3;
  const auto exporter = start(options);
  EXPECT_TRUE(exporter->push({series()}));
  wait_until([&] { return requests == 1; });  // the export thread waits for the server
  EXPECT_TRUE(exporter->push({series(), series(), series()}));
  EXPECT_FALSE(exporter->push({series(), series()}));
  release.set_value();
  exporter->shutdown(milliseconds(5'000));
  EXPECT_EQ(dropped("queue_full"), 2);
  EXPECT_EQ(PushMetrics(registry).accepted.value(), 6);
  EXPECT_EQ(PushMetrics(registry).sent.value(), 4);
}

TEST_F(PyroscopeTest, WhatIsTooOldForTheServerIsNotSent) {
  std::atomic<int> requests = 0;
  const FakeServer server([&](const httplib::Request&, httplib::Response&) { ++requests; });
  auto old = std::make_shared<profile::Profile>(*series().profile);
  old->time.ns -= 3'600'000'000'000;
  const auto exporter = start(options_for(server.url()));
  EXPECT_TRUE(exporter->push({{.labels = {}, .profile = old}}));
  wait_until([&] { return dropped("too_old") == 1; });
  EXPECT_EQ(requests, 0);
}

TEST_F(PyroscopeTest, NothingIsTakenAfterShutdown) {
  const FakeServer server([](const httplib::Request&, httplib::Response&) {});
  const auto exporter = start(options_for(server.url()));
  exporter->shutdown(milliseconds(1'000));
  EXPECT_FALSE(exporter->push({series()}));
  exporter->shutdown(milliseconds(1'000));
}

TEST_F(PyroscopeTest, ShutdownWithoutAServerCountsWhatIsLost) {
  std::string url;
  {
    const FakeServer gone([](const httplib::Request&, httplib::Response&) {});
    url = gone.url();
  }
  auto options = options_for(url);
  options.queue.max_retries = 0;
  const auto exporter = start(options);
  EXPECT_TRUE(exporter->push({series(), series(), series()}));
  exporter->shutdown(milliseconds(5'000));
  EXPECT_EQ(dropped("shutdown"), 3);
}

TEST_F(PyroscopeTest, ATokenThatWasRenewedIsUsedForTheNextPush) {
  std::mutex mutex;
  std::vector<std::string> tokens;
  const FakeServer server([&](const httplib::Request& request, httplib::Response&) {
    const std::lock_guard lock(mutex);
    tokens.push_back(request.get_header_value("Authorization"));
  });
  const auto count = [&] {
    const std::lock_guard lock(mutex);
    return tokens.size();
  };
  std::string file = std::filesystem::temp_directory_path() / "stoker-token-XXXXXX";
  ::close(::mkstemp(file.data()));
  std::ofstream(file) << "first\n";
  auto options = options_for(server.url());
  options.target.bearer_token_file = file;
  const auto exporter = start(options);
  EXPECT_TRUE(exporter->push({series()}));
  wait_until([&] { return count() == 1; });
  std::ofstream(file) << "second\n";
  EXPECT_TRUE(exporter->push({series()}));
  wait_until([&] { return count() == 2; });
  EXPECT_THAT(tokens, ElementsAre("Bearer first", "Bearer second"));
  std::filesystem::remove(file);
}

TEST_F(PyroscopeTest, AnEndlessAnswerEndsAtItsLimit) {
  std::atomic<int> requests = 0;
  const FakeServer server([&](const httplib::Request&, httplib::Response& response) {
    response.status = ++requests == 1 ? 500 : 200;
    response.set_chunked_content_provider("text/plain", [](std::size_t, httplib::DataSink& sink) {
      const std::string piece(4096, 'x');
      return sink.write(piece.data(), piece.size());
    });
  });
  const auto exporter = start(options_for(server.url()));
  EXPECT_TRUE(exporter->push({series()}));
  wait_until([&] { return PushMetrics(registry).sent.value() == 1; });
  EXPECT_EQ(requests, 2);
}

TEST_F(PyroscopeTest, ManyThreadsMayPush) {
  const FakeServer server([](const httplib::Request&, httplib::Response&) {});
  const auto exporter = start(options_for(server.url()));
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int n = 0; n < 20; ++n) {
          exporter->push({series()});
          registry.expose();
        }
      });
    }
  }
  exporter->shutdown(milliseconds(60'000));
  EXPECT_EQ(PushMetrics(registry).sent.value(), 80);
}

TEST_F(PyroscopeTest, ABadAddressOrHeaderIsAnErrorAtTheStart) {
  EXPECT_FALSE(PyroscopeExporter::start(options_for("localhost:4040"), registry));
  auto options = options_for("http://localhost:4040");
  options.target.headers = {{"X-A", "a\r\nX-B: b"}};
  EXPECT_FALSE(PyroscopeExporter::start(options, registry));
}

}  // namespace
}  // namespace stoker::exporters
