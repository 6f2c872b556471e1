#include "exporters/push_outcome.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <utility>

#include "profile/text.h"

namespace stoker::exporters {
namespace {

// https://connectrpc.com/docs/protocol#error-codes
constexpr std::array<std::string_view, 16> kCodes = {
    "canceled",       "unknown",           "invalid_argument",   "deadline_exceeded",   "not_found",
    "already_exists", "permission_denied", "resource_exhausted", "failed_precondition", "aborted",
    "out_of_range",   "unimplemented",     "internal",           "unavailable",         "data_loss",
    "unauthenticated"};

constexpr std::array<std::string_view, 6> kRetried = {"deadline_exceeded", "unknown",   "internal",
                                                      "unavailable",       "data_loss", "aborted"};

bool is_one_of(std::span<const std::string_view> words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

struct ConnectError {
  std::string code;  // one of kCodes
  std::string message;
};

std::optional<ConnectError> parse_connect_error(std::string_view body) {
  const auto json = nlohmann::json::parse(body, nullptr, false);
  if (!json.is_object()) {
    return std::nullopt;
  }
  const auto text = [&](const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  ConnectError error{.code = text("code"), .message = text("message")};
  if (!is_one_of(kCodes, error.code)) {
    return std::nullopt;
  }
  return error;
}

// One line, without the control characters with which a server could draw on a terminal.
std::string printable(std::string_view text) {
  std::string line = profile::valid_utf8(text.substr(0, kMaxDetail));
  std::ranges::replace_if(line, [](unsigned char c) { return c < ' ' || c == 0x7F; }, ' ');
  return line;
}

}  // namespace

Outcome judge_answer(int status, std::string_view body, std::string_view retry_after, bool retry_on_429) {
  Outcome outcome;
  if (status == 200) {
    return outcome;
  }
  const auto error = parse_connect_error(body);
  const bool too_many = error ? error->code == "resource_exhausted" : status == 429;
  bool again = false;
  if (error) {
    again = is_one_of(kRetried, error->code);
    outcome.reason = error->code;
    outcome.detail = printable(error->message);
  } else {
    again = status >= 500 || status == 408;
    outcome.reason = fmt::format("http_{}", status);
    outcome.detail = printable(body);
  }
  again = again || (too_many && retry_on_429);
  outcome.verdict = again ? Verdict::kRetry : Verdict::kRefused;
  outcome.whole_server = again && (too_many || status == 503);
  int seconds = 0;
  const char* end = retry_after.data() + retry_after.size();
  const auto [stop, bad] = std::from_chars(retry_after.data(), end, seconds);
  if (bad == std::errc() && stop == end && seconds > 0) {
    outcome.retry_after = std::chrono::seconds(seconds);
  }
  return outcome;
}

Outcome no_answer(std::string detail) {
  return {
      .verdict = Verdict::kRetry, .reason = "connection", .detail = std::move(detail), .whole_server = true};
}

}  // namespace stoker::exporters
