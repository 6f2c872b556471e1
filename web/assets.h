// The live page's own files, built into the program; the flame graph's are profile/assets.h.
#pragma once

#include <string_view>

namespace stoker::web::assets {

std::string_view live_html();
std::string_view live_css();
std::string_view live_js();

}  // namespace stoker::web::assets
