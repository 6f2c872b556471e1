#include "web/deadline_stream.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace stoker::web {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

DeadlineStream::DeadlineStream(int socket, milliseconds reads, milliseconds writes)
    : socket_(socket), start_(steady_clock::now()), read_deadline_(start_ + reads), write_limit_(writes) {}

bool DeadlineStream::wait_for(short events, steady_clock::time_point deadline) const {
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now());
    if (left.count() <= 0) {
      return false;
    }
    pollfd poll{.fd = socket_, .events = events, .revents = 0};
    const int ready = ::poll(&poll, 1, static_cast<int>(left.count()));
    if (ready > 0) {
      return true;
    }
    if (ready < 0 && errno != EINTR) {
      return false;
    }
  }
}

bool DeadlineStream::wait_readable() const {
  return is_readable() || wait_for(POLLIN, read_deadline_);
}

bool DeadlineStream::wait_writable() const {
  return wait_for(POLLOUT, write_deadline_.value_or(steady_clock::now() + write_limit_));
}

ssize_t DeadlineStream::read(char* out, std::size_t size) {
  if (begin_ == end_) {
    if (!wait_for(POLLIN, read_deadline_)) {
      return -1;
    }
    const ssize_t got = ::recv(socket_, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (got <= 0) {
      return got;
    }
    begin_ = 0;
    end_ = static_cast<std::size_t>(got);
  }
  const std::size_t given = std::min(size, end_ - begin_);
  std::memcpy(out, buffer_.data() + begin_, given);
  begin_ += given;
  return static_cast<ssize_t>(given);
}

ssize_t DeadlineStream::write(const char* bytes, std::size_t size) {
  if (!write_deadline_) {
    write_deadline_ = steady_clock::now() + write_limit_;
  }
  if (!wait_for(POLLOUT, *write_deadline_)) {
    return -1;
  }
  const ssize_t sent = ::send(socket_, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
  // Another poll decides: the caller writes again as long as it gets no error.
  return sent < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : sent;
}

const char* DeadlineStream::buffered_data(std::size_t& size) const {
  size = end_ - begin_;
  return size == 0 ? nullptr : buffer_.data() + begin_;  // nullptr: the library must call read()
}

void DeadlineStream::consume_buffered(std::size_t size) {
  begin_ += std::min(size, end_ - begin_);
}

// Nothing here logs or trusts addresses.
void DeadlineStream::get_remote_ip_and_port(std::string& ip, int& port) const {
  ip.clear();
  port = 0;
}

void DeadlineStream::get_local_ip_and_port(std::string& ip, int& port) const {
  ip.clear();
  port = 0;
}

time_t DeadlineStream::duration() const {
  return std::chrono::duration_cast<milliseconds>(steady_clock::now() - start_).count();
}

}  // namespace stoker::web
