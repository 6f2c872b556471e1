#include "web/host_check.h"

#include <arpa/inet.h>

#include <algorithm>
#include <string>

namespace stoker::web {
namespace {

bool is_port(std::string_view text) {
  return text.size() <= 5 && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

bool is_loopback(std::string_view host) {
  std::string name(host);
  std::ranges::transform(name, name.begin(),
                         [](unsigned char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  if (name == "localhost" || name.ends_with(".localhost")) {
    return true;
  }
  in_addr v4{};
  if (::inet_pton(AF_INET, name.c_str(), &v4) == 1) {
    return ntohl(v4.s_addr) >> 24 == 127;
  }
  in6_addr v6{};
  return ::inet_pton(AF_INET6, name.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6) != 0;
}

std::string_view host_of(std::string_view header) {
  if (header.starts_with('[')) {
    const std::size_t close = header.find(']');
    if (close == std::string_view::npos) {
      return {};
    }
    const std::string_view rest = header.substr(close + 1);
    return rest.empty() || (rest.front() == ':' && is_port(rest.substr(1))) ? header.substr(1, close - 1)
                                                                            : std::string_view();
  }
  const std::size_t colon = std::min(header.find(':'), header.size());
  const bool port = colon == header.size() || is_port(header.substr(colon + 1));
  return port ? header.substr(0, colon) : std::string_view();
}

}  // namespace stoker::web
