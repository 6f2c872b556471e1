// The address of a server to push to.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace stoker::exporters {

struct Url {
  bool tls = false;
  std::string host;    // without the brackets of an IPv6 address
  int port = 0;        // 80 or 443 where none is given
  std::string prefix;  // path in front of the API's: "" or "/pyroscope", without a slash at its end
};

// http:// or https://, host, optional port and path. No user, query or fragment.
Result<Url> parse_url(std::string_view text);

// For start-up: what is wrong with the address, before anything is sent.
Result<> check_url(std::string_view text);

}  // namespace stoker::exporters
