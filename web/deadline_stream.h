// A connection with a time limit for everything that happens on it.
#pragma once

#include <httplib.h>

#include <array>
#include <chrono>
#include <optional>
#include <string>

namespace stoker::web {

// The library's own limits are for single reads and writes: a client that sends a byte every few seconds could hold a
// thread for hours. Here all reads together end at a time counted from the start, and all writes at one counted from the
// first: what happens in between, making the answer, is not the client's fault. Does not own the socket. One thread.
class DeadlineStream : public httplib::Stream {
 public:
  DeadlineStream(int socket, std::chrono::milliseconds reads, std::chrono::milliseconds writes);

  bool is_readable() const override { return begin_ < end_; }
  bool wait_readable() const override;
  bool wait_writable() const override;
  ssize_t read(char* out, std::size_t size) override;
  ssize_t write(const char* bytes, std::size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  socket_t socket() const override { return socket_; }
  time_t duration() const override;
  const char* buffered_data(std::size_t& size) const override;
  void consume_buffered(std::size_t size) override;

 private:
  bool wait_for(short events, std::chrono::steady_clock::time_point deadline) const;

  int socket_;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point read_deadline_;
  std::chrono::milliseconds write_limit_;
  std::optional<std::chrono::steady_clock::time_point> write_deadline_;
  std::array<char, 4096> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace stoker::web
