// Protection against DNS rebinding.
#pragma once

#include <string_view>

namespace stoker::web {

// True for localhost, *.localhost, 127.0.0.0/8 and ::1. host: without port and brackets.
bool is_loopback(std::string_view host);

// The host of a Host header ("localhost:4141", "[::1]:4141"); "" when it is not well-formed.
std::string_view host_of(std::string_view header);

}  // namespace stoker::web
