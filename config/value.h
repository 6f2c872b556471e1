// The kinds of value that a configuration key can have, and how each is written.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"
#include "config/config.h"

namespace stoker::config {

enum class Kind {
  kBool,      // true, false
  kInteger,   // 97
  kDuration,  // 15s, 500ms, 1m30s
  kSize,      // 64MiB, 1GB, 4096
  kText,      // any text without control characters
  kChoice,    // one of the key's words
  kAddress,   // host:port
  kUrl,       // http://host:port/path or https://…
  kIntegers,  // [1, 2]
  kLabels,    // name: text, names as Prometheus has them
  kHeaders,   // name: text, names as HTTP has them
};

struct Nothing {};
// kDuration: nanoseconds, kSize: uint64_t, kText to kUrl: string.
using Value = std::variant<Nothing, bool, std::int64_t, std::chrono::nanoseconds, std::uint64_t, std::string,
                           std::vector<std::int64_t>, TextMap>;

// How a kind is written, for messages and the documentation: "a duration such as 15s or 1m30s".
std::string_view describe(Kind kind);

// Errors have a `why` only: "\"5x\" is not a duration".
Result<bool> parse_bool(std::string_view text);
Result<std::int64_t> parse_integer(std::string_view text);
// Units ns, us, ms, s, m, h; several in falling order: 1m30s. No unit only with 0.
Result<std::chrono::nanoseconds> parse_duration(std::string_view text);
// Units B, KB, MB, GB (1000), KiB, MiB, GiB (1024), none (bytes).
Result<std::uint64_t> parse_size(std::string_view text);
Result<> check_address(std::string_view text);
Result<> check_url_form(std::string_view text);
Result<> check_text(std::string_view text);

bool is_label_name(std::string_view name);   // [a-zA-Z_][a-zA-Z0-9_]*, without "__" in front
bool is_header_name(std::string_view name);  // RFC 9110, section 5.1

}  // namespace stoker::config
