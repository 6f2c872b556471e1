// An HTTP server that answers with whatever bytes a test gives it, right or wrong.
#pragma once

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/unique_fd.h"

namespace stoker::symbolize {

// Listens on a free port of the loopback interface until it ends.
class RawServer {
 public:
  // response: head and body, as they go over the wire; "" keeps every connection open and says nothing.
  explicit RawServer(std::string response)
      : response_(std::move(response)), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size) == 0 &&
        ::listen(listener_.get(), 16) == 0 &&
        ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0) {
      port_ = ntohs(address.sin_port);
    }
    thread_ = std::jthread([this](const std::stop_token& stop) { serve(stop); });
  }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  int requests() const { return requests_; }

  // A whole response.
  static std::string ok(const std::string& body, const std::string& length = "") {
    return "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " +
           (length.empty() ? std::to_string(body.size()) : length) + "\r\n\r\n" + body;
  }

 private:
  void serve(const std::stop_token& stop) {
    std::vector<UniqueFd> kept;
    while (!stop.stop_requested()) {
      pollfd waiting{listener_.get(), POLLIN, 0};
      if (::poll(&waiting, 1, 20) <= 0) {
        continue;
      }
      UniqueFd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      char request[4096];
      if (client && ::recv(client.get(), request, sizeof request, 0) > 0) {
        ++requests_;
        ::send(client.get(), response_.data(), response_.size(), MSG_NOSIGNAL);
        if (response_.empty()) {
          kept.push_back(std::move(client));
        }
      }
    }
  }

  const std::string response_;
  UniqueFd listener_;
  std::uint16_t port_ = 0;
  std::atomic<int> requests_ = 0;
  std::jthread thread_;
};

}  // namespace stoker::symbolize
