#include "profile/assets.h"

// #embed is C23; Clang has it in C++ as well, and lists the files as dependencies of this one. ccache does not see them
// in its direct mode and would give yesterday's page; the word __TIME__ in a file makes it use its other mode.
#pragma clang diagnostic ignored "-Wc23-extensions"

namespace stoker::profile::assets {
namespace {

constexpr char kFlameCss[] = {
#embed "assets/flame.css"
};
constexpr char kFlameModelJs[] = {
#embed "assets/flame_model.js"
};
constexpr char kFlameJs[] = {
#embed "assets/flame.js"
};

}  // namespace

std::string_view flame_css() {
  return {kFlameCss, sizeof(kFlameCss)};
}

std::string_view flame_model_js() {
  return {kFlameModelJs, sizeof(kFlameModelJs)};
}

std::string_view flame_js() {
  return {kFlameJs, sizeof(kFlameJs)};
}

}  // namespace stoker::profile::assets
