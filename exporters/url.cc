#include "exporters/url.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace stoker::exporters {
namespace {

std::unexpected<Error> bad(std::string_view text, std::string why, std::string advice = {}) {
  return make_error(
      fmt::format("cannot push to \"{}\"", text), std::move(why),
      advice.empty() ? "give it as http://host:port or https://host:port/path" : std::move(advice));
}

}  // namespace

Result<Url> parse_url(std::string_view text) {
  Url url;
  std::string_view rest = text;
  if (rest.starts_with("https://")) {
    url.tls = true;
    rest.remove_prefix(8);
  } else if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else {
    return bad(text, "it starts with neither http:// nor https://");
  }
  if (std::ranges::any_of(rest, [](unsigned char c) { return c <= ' ' || c == 0x7F; })) {
    return bad(text, "it has a blank or control character in it");
  }
  if (rest.find_first_of("?#") != std::string_view::npos) {
    return bad(text, "it has a query or fragment");
  }
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  std::string_view authority = rest.substr(0, slash);
  std::string_view path = rest.substr(slash);
  if (authority.contains('@')) {
    return bad("<hidden>", "it has a user in it", "give username and password on their own");
  }
  if (authority.starts_with('[')) {
    const std::size_t close = authority.find(']');
    if (close == std::string_view::npos) {
      return bad(text, "\"[\" is not closed");
    }
    url.host = authority.substr(1, close - 1);
    authority.remove_prefix(close + 1);
  } else {
    const std::size_t colon = std::min(authority.find(':'), authority.size());
    url.host = authority.substr(0, colon);
    authority.remove_prefix(colon);
  }
  if (url.host.empty()) {
    return bad(text, "it names no host");
  }
  url.port = url.tls ? 443 : 80;
  if (!authority.empty()) {
    const char* end = authority.data() + authority.size();
    const auto [stop, error] = std::from_chars(authority.data() + 1, end, url.port);
    if (authority.front() != ':' || error != std::errc() || stop != end || url.port < 1 || url.port > 65535) {
      return bad(text, "its port is not a number from 1 to 65535");
    }
  }
  while (path.ends_with('/')) {
    path.remove_suffix(1);
  }
  url.prefix = path;
  return url;
}

Result<> check_url(std::string_view text) {
  if (const auto url = parse_url(text); !url) {
    return std::unexpected(url.error());
  }
  return {};
}

}  // namespace stoker::exporters
