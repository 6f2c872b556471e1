// The agent's HTTP server: the live page, its data, metrics and health checks.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/metrics.h"
#include "web/recent_store.h"

namespace stoker::web {

struct ServerOptions {
  std::string listen = "127.0.0.1:4141";  // host:port or [v6]:port; port 0 takes a free one
  // Shown as / instead of the live page: a whole document with a content security policy of its own. Empty: the live
  // page.
  std::string page;
  // For /-/ready, on any http thread; an error is the reason why not. Empty: always ready.
  std::function<Result<>()> ready;
};

// Owns the threads named `http`: one that accepts and four that answer; further requests wait in a short queue, those
// beyond it are turned away. A request has 4 s to arrive, and its answer 10 s to be taken, so slow clients cannot hold
// the threads. There is no authentication: off loopback whoever reaches the port sees every
// function name. On loopback only requests for a loopback name are answered, so that no web site can read the
// profiles through a name that it lets point here (DNS rebinding).
class Server {
 public:
  // Listens and answers when it returns. store and metrics must outlive it. Errors: an address that is no address,
  // in use or not this host's.
  static Result<std::unique_ptr<Server>> start(ServerOptions options, const RecentStore& store,
                                               const metrics::Registry& metrics);
  // Answers under way are finished.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  int port() const;
  std::string url() const;  // "http://127.0.0.1:4141/"

 private:
  struct State;
  explicit Server(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace stoker::web
