#include "web/assets.h"

// #embed is C23; Clang has it in C++ as well. The word __TIME__ makes ccache read the files (profile/assets.cc).
#pragma clang diagnostic ignored "-Wc23-extensions"

namespace stoker::web::assets {

std::string_view live_html() {
  static constexpr char kText[] = {
#embed "assets/live.html"
  };
  return {kText, sizeof kText};
}

std::string_view live_css() {
  static constexpr char kText[] = {
#embed "assets/live.css"
  };
  return {kText, sizeof kText};
}

std::string_view live_js() {
  static constexpr char kText[] = {
#embed "assets/live.js"
  };
  return {kText, sizeof kText};
}

}  // namespace stoker::web::assets
