#include "web/server.h"

#include <fmt/format.h>
#include <httplib.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <exception>
#include <string_view>
#include <thread>
#include <utility>

#include "base/log.h"
#include "base/thread.h"
#include "web/deadline_stream.h"
#include "web/host_check.h"
#include "web/pages.h"

namespace stoker::web {
namespace {

constexpr std::chrono::milliseconds kHeadTime{4'000};     // for a request to arrive
constexpr std::chrono::milliseconds kAnswerTime{10'000};  // for its answer to be taken
constexpr std::chrono::milliseconds kCloseTime{200};
constexpr std::size_t kThreads = 4;
constexpr std::size_t kMaxWaiting = 16;
constexpr std::size_t kMaxBody = 4096;  // no path takes one

// `style` attributes: the flame graph's legend has them.
constexpr const char* kContentSecurity =
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src "
    "data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

struct Address {
  std::string host;
  int port = 0;
};

Result<Address> parse_address(const std::string& text) {
  const auto bad = make_error(fmt::format("cannot listen on \"{}\"", text), "it is not an address",
                              "give it as 127.0.0.1:4141");
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) {
    return bad;
  }
  std::string_view host = std::string_view(text).substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  }
  Address address{.host = std::string(host)};
  const char* const begin = text.data() + colon + 1;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(begin, end, address.port);
  if (host.empty() || error != std::errc() || stop != end || address.port < 0 || address.port > 65535) {
    return bad;
  }
  return address;
}

std::unexpected<Error> cannot_listen(const std::string& address, int error) {
  std::string advice = "choose another address with web.listen";
  if (error == EADDRINUSE) {
    advice = "stop the process that listens there, or " + advice;
  } else if (error == EACCES) {
    advice = "ports below 1024 need CAP_NET_BIND_SERVICE: " + advice;
  }
  return error == 0 ? make_error("cannot listen on " + address, "no such address here", advice)
                    : system_error("cannot listen on " + address, error, advice);
}

// cpp-httplib's server with a deadline per connection. One request a connection: a browser that keeps its connection
// open would hold a thread.
class HttpServer : public httplib::Server {
 private:
  bool process_and_close_socket(socket_t sock) override {
    bool served = false;
    try {
      DeadlineStream stream(sock, kHeadTime, kAnswerTime);
      bool closed = false;
      served = process_request(stream, "", 0, "", 0, true, closed, nullptr);
    } catch (const std::exception& error) {
      log::warning("web: {}", error.what());
    }
    close_gently(sock);
    return served;
  }

  // Unread bytes at close would make the kernel send a reset, which may overtake the answer: what is there is read,
  // but not waited for long.
  static void close_gently(socket_t sock) {
    ::shutdown(sock, SHUT_WR);
    std::array<char, 4096> rest;
    DeadlineStream stream(sock, kCloseTime, kCloseTime);
    for (int pieces = 0; pieces < 64 && stream.read(rest.data(), rest.size()) > 0; ++pieces) {
    }
    ::close(sock);
  }
};

}  // namespace

struct Server::State {
  State(const RecentStore& store, const metrics::Registry& metrics, std::function<Result<>()> ready)
      : pages(store, metrics, std::move(ready)) {}

  void configure();
  void answer(const httplib::Request& request, httplib::Response& response) const;

  Pages pages;
  std::string document;  // ServerOptions::page
  HttpServer http;
  Address address;
  std::jthread thread;
};

namespace {

void fill(const Response& from, httplib::Response& to) {
  to.status = from.status;
  to.set_content(from.body, from.type);
  if (!from.etag.empty()) {
    to.set_header("ETag", from.etag);
  }
  if (!from.filename.empty()) {
    to.set_header("Content-Disposition", fmt::format("attachment; filename=\"{}\"", from.filename));
  }
}

Request to_request(const httplib::Request& from) {
  Request request{.path = from.path, .if_none_match = from.get_header_value("If-None-Match")};
  for (const auto& [name, value] : from.params) {
    request.parameters.emplace(name, value);
  }
  return request;
}

}  // namespace

void Server::State::answer(const httplib::Request& request, httplib::Response& response) const {
  if (is_loopback(address.host) && !is_loopback(host_of(request.get_header_value("Host")))) {
    fill({.status = 403,
          .body = "this server answers for localhost only; web.listen can make it listen elsewhere\n"},
         response);
    return;
  }
  const bool reads = request.method == "GET" || request.method == "HEAD";
  if (reads && request.path == "/" && !document.empty()) {
    fill({.status = 200, .type = "text/html; charset=utf-8", .body = document}, response);
    response.headers.erase("Content-Security-Policy");  // it would forbid the document's own script
    return;
  }
  const auto page = pages.get(to_request(request));
  if (!page) {
    fill({.status = 404, .body = "no such page; see /\n"}, response);
  } else if (!reads) {
    fill({.status = 405, .body = "only GET and HEAD\n"}, response);
    response.set_header("Allow", "GET, HEAD");
  } else {
    fill(*page, response);
  }
}

void Server::State::configure() {
  // Not SO_REUSEPORT, the library's choice: with it a second agent would share the port without an error.
  http.set_socket_options([](socket_t sock) { httplib::set_socket_opt(sock, SOL_SOCKET, SO_REUSEADDR, 1); });
  http.set_tcp_nodelay(true);
  http.set_payload_max_length(kMaxBody);
  http.set_default_headers({{"X-Content-Type-Options", "nosniff"},
                            {"Referrer-Policy", "no-referrer"},
                            {"Cross-Origin-Resource-Policy", "same-origin"},
                            {"Content-Security-Policy", kContentSecurity},
                            {"Cache-Control", "no-cache"}});
  http.new_task_queue = [] { return new httplib::ThreadPool(kThreads, kThreads, kMaxWaiting); };
  http.set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
    try {
      answer(request, response);
    } catch (const std::exception& error) {
      fill({.status = 500, .body = std::string(error.what()) + "\n"}, response);
    }
    return httplib::Server::HandlerResponse::Handled;
  });
}

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {}

Server::~Server() {
  state_->http.stop();
}

Result<std::unique_ptr<Server>> Server::start(ServerOptions options, const RecentStore& store,
                                              const metrics::Registry& metrics) {
  auto address = parse_address(options.listen);
  if (!address) {
    return std::unexpected(std::move(address.error()));
  }
  auto state = std::make_unique<State>(store, metrics, std::move(options.ready));
  state->address = std::move(*address);
  state->document = std::move(options.page);
  state->configure();
  errno = 0;
  if (state->address.port == 0) {
    state->address.port = state->http.bind_to_any_port(state->address.host);
  } else if (!state->http.bind_to_port(state->address.host, state->address.port)) {
    state->address.port = -1;
  }
  if (state->address.port < 0) {
    return cannot_listen(options.listen, errno);
  }
  if (!is_loopback(state->address.host)) {
    log::warning("the page on {} shows all profiles to whoever reaches it: it has no authentication",
                 options.listen);
  }
  State& running = *state;
  running.thread = start_thread("http", [&running] { running.http.listen_after_bind(); });
  running.http.wait_until_ready();
  return std::unique_ptr<Server>(new Server(std::move(state)));
}

int Server::port() const {
  return state_->address.port;
}

std::string Server::url() const {
  const std::string& host = state_->address.host;
  return host.contains(':') ? fmt::format("http://[{}]:{}/", host, port())
                            : fmt::format("http://{}:{}/", host, port());
}

}  // namespace stoker::web
