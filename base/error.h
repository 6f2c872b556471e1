// The project's one error type, a value: every call that can fail returns Result<T>.
#pragma once

#include <expected>
#include <string>
#include <string_view>

namespace stoker {

// Reads as one line for a person: "<what>: <why>; <advice>".
struct Error {
  std::string what;    // what failed, and on what: "cannot open /proc/12/maps"
  std::string why;     // the cause as the system or the format names it: "Permission denied"
  std::string advice;  // what a person can do about it; empty where there is nothing
  int code = 0;        // errno where the system reported one, else 0

  std::string message() const;
};

template <typename T = void>
using Result = std::expected<T, Error>;

// An Error with errno's text as its cause.
std::unexpected<Error> system_error(std::string what, int error_number, std::string advice = {});

// An Error that no system call reported.
std::unexpected<Error> make_error(std::string what, std::string why = {}, std::string advice = {});

}  // namespace stoker
