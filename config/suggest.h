// Which key was meant by one that does not exist.
#pragma once

#include <string_view>

namespace stoker::config {

// The key or section nearest to path: a few letters away, or of the same name elsewhere. "" when nothing is near.
std::string_view suggest(std::string_view path);

}  // namespace stoker::config
