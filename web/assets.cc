#include "web/assets.h"

// #embed is C23; Clang has it in C++ as well. The word __TIME__ makes ccache read the files (profile/assets.cc).
#pragma clang diagnostic ignored "-Wc23-extensions"

namespace stoker::web::assets {
namespace {

constexpr char kLiveHtml[] = {
#embed "assets/live.html"
};
constexpr char kLiveCss[] = {
#embed "assets/live.css"
};
constexpr char kLiveJs[] = {
#embed "assets/live.js"
};

}  // namespace

std::string_view live_html() {
  return {kLiveHtml, sizeof(kLiveHtml)};
}

std::string_view live_css() {
  return {kLiveCss, sizeof(kLiveCss)};
}

std::string_view live_js() {
  return {kLiveJs, sizeof(kLiveJs)};
}

}  // namespace stoker::web::assets
