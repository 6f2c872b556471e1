// What a server's answer to one push means.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace stoker::exporters {

enum class Verdict {
  kStored,
  kRetry,    // this very request may succeed later
  kRefused,  // it never will
};

struct Outcome {
  Verdict verdict = Verdict::kStored;
  // A word for metrics: "connection", a Connect code ("resource_exhausted") or "http_502".
  std::string reason;
  std::string detail;  // the server's own text, for the log; at most kMaxDetail bytes
  // Nothing came back, or the server asked for less (429, 503): other requests need not be tried either.
  bool whole_server = false;
  std::chrono::milliseconds retry_after{0};  // the server's Retry-After; 0 when it gave none
};

inline constexpr std::size_t kMaxDetail = 300;

// Connect protocol, unary error: JSON {"code","message"}. The code decides where there is one, else the
// status: retried are deadline_exceeded, unknown, internal, unavailable, data_loss, aborted, 408, 5xx and, if
// allowed, 429. retry_after: the header's value, "" if absent; only its form in seconds is understood.
Outcome judge_answer(int status, std::string_view body, std::string_view retry_after, bool retry_on_429);

// No answer: refused, reset, timed out, bad certificate.
Outcome no_answer(std::string detail);

}  // namespace stoker::exporters
