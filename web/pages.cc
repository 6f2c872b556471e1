#include "web/pages.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <string_view>

#include "profile/assets.h"
#include "profile/html.h"
#include "profile/pprof_writer.h"
#include "profile/text.h"
#include "web/assets.h"

namespace stoker::web {
namespace {

constexpr int kDefaultMinutes = 5;
constexpr int kMaxMinutes = 24 * 60;
constexpr std::string_view kJson = "application/json";

struct Asset {
  std::string_view path;
  std::string_view type;
  std::string_view (*text)();
};

constexpr std::array<Asset, 6> kAssets = {{
    {"/", "text/html; charset=utf-8", assets::live_html},
    {"/assets/live.css", "text/css; charset=utf-8", assets::live_css},
    {"/assets/live.js", "text/javascript; charset=utf-8", assets::live_js},
    {"/assets/flame.css", "text/css; charset=utf-8", profile::assets::flame_css},
    {"/assets/flame_model.js", "text/javascript; charset=utf-8", profile::assets::flame_model_js},
    {"/assets/flame.js", "text/javascript; charset=utf-8", profile::assets::flame_js},
}};

Response bad_request(std::string why) {
  return {.status = 400, .body = std::move(why) + "\n"};
}

std::string parameter(const Request& request, const std::string& name) {
  const auto found = request.parameters.find(name);
  return found == request.parameters.end() ? std::string() : found->second;
}

// nullopt: not a number from 1 to kMaxMinutes.
std::optional<int> minutes_of(const Request& request) {
  const std::string text = parameter(request, "minutes");
  if (text.empty()) {
    return kDefaultMinutes;
  }
  int minutes = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), minutes);
  if (error != std::errc() || stop != text.data() + text.size() || minutes < 1 || minutes > kMaxMinutes) {
    return std::nullopt;
  }
  return minutes;
}

Response bad_minutes() {
  return bad_request(fmt::format("minutes is a whole number from 1 to {}", kMaxMinutes));
}

WallTime ago(int minutes) {
  return {wall_now().ns - minutes * std::int64_t{60'000'000'000}};
}

}  // namespace

std::optional<Response> Pages::get(const Request& request) const {
  if (request.path == "/api/flame") {
    return flame(request);
  }
  if (request.path == "/api/processes") {
    return processes(request);
  }
  if (request.path == "/api/profile.pb.gz") {
    return pprof(request);
  }
  if (request.path == "/metrics") {
    return Response{.type = "text/plain; version=0.0.4; charset=utf-8", .body = metrics_.expose()};
  }
  if (request.path == "/-/healthy") {
    return Response{.body = "ok\n"};
  }
  if (request.path == "/-/ready") {
    return ready();
  }
  for (const Asset& asset : kAssets) {
    if (request.path == asset.path) {
      return Response{.type = std::string(asset.type), .body = std::string(asset.text())};
    }
  }
  return std::nullopt;
}

Response Pages::flame(const Request& request) const {
  const auto minutes = minutes_of(request);
  if (!minutes) {
    return bad_minutes();
  }
  Response response{.type = std::string(kJson)};
  // Windows come every few seconds; the page asks more often and mostly hears that nothing is new. Minutes pass as
  // well: what grew too old for the range goes with the next window.
  response.etag = fmt::format("\"{}-{}\"", store_.generation(), *minutes);
  if (request.if_none_match == response.etag) {
    response.status = 304;
    return response;
  }
  const std::string process = parameter(request, "process");
  const auto profile = store_.merged(ago(*minutes), process);
  const std::string title =
      fmt::format("{}, last {} min", process.empty() ? "All processes" : process, *minutes);
  // A host's hundreds of short-lived processes are too narrow to be read one by one.
  response.body = profile::flame_json(profile, {.title = title, .pids = !process.empty()});
  return response;
}

Response Pages::pprof(const Request& request) const {
  const auto minutes = minutes_of(request);
  if (!minutes) {
    return bad_minutes();
  }
  auto bytes = profile::write_pprof(store_.merged(ago(*minutes), parameter(request, "process")));
  if (!bytes) {
    return {.status = 500, .body = bytes.error().message() + "\n"};
  }
  return {.type = "application/octet-stream", .body = std::move(*bytes), .filename = "profile.pb.gz"};
}

Response Pages::processes(const Request& request) const {
  const auto minutes = minutes_of(request);
  if (!minutes) {
    return bad_minutes();
  }
  std::string json = "[";
  for (const auto& [process, value] : store_.processes(ago(*minutes))) {
    json += json.size() == 1 ? "{\"process\":" : ",{\"process\":";
    profile::append_json(json, process);
    json += fmt::format(",\"value\":{}}}", value);
  }
  return {.type = std::string(kJson), .body = json + "]"};
}

Response Pages::ready() const {
  const Result<> state = ready_ ? ready_() : Result<>();
  return state ? Response{.body = "ready\n"}
               : Response{.status = 503, .body = state.error().message() + "\n"};
}

}  // namespace stoker::web
