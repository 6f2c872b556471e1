// The flame graph page's files, built into the program. `web/` serves them; html.h puts them into one file.
#pragma once

#include <string_view>

namespace stoker::profile::assets {

std::string_view flame_css();
// Load in this order. flame_js() defines StokerFlame.mount(element, data), data being flame_json's (html.h).
std::string_view flame_model_js();
std::string_view flame_js();

}  // namespace stoker::profile::assets
