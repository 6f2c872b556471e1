#include "profile/assets.h"

// #embed is C23; Clang has it in C++ as well, and lists the files as dependencies of this one. ccache does not see them
// in its direct mode and would give yesterday's page; the word __TIME__ in a file makes it use its other mode.
#pragma clang diagnostic ignored "-Wc23-extensions"

namespace stoker::profile::assets {

std::string_view flame_css() {
  static constexpr char kText[] = {
#embed "assets/flame.css"
  };
  return {kText, sizeof kText};
}

std::string_view flame_model_js() {
  static constexpr char kText[] = {
#embed "assets/flame_model.js"
  };
  return {kText, sizeof kText};
}

std::string_view flame_js() {
  static constexpr char kText[] = {
#embed "assets/flame.js"
  };
  return {kText, sizeof kText};
}

}  // namespace stoker::profile::assets
