#include "base/error.h"

#include <system_error>
#include <utility>

namespace stoker {

std::string Error::message() const {
  std::string line = what;
  if (!why.empty()) {
    line += ": ";
    line += why;
  }
  if (!advice.empty()) {
    line += "; ";
    line += advice;
  }
  return line;
}

std::unexpected<Error> system_error(std::string what, int error_number, std::string advice) {
  return std::unexpected(
      Error{std::move(what), std::generic_category().message(error_number), std::move(advice), error_number});
}

std::unexpected<Error> make_error(std::string what, std::string why, std::string advice) {
  return std::unexpected(Error{std::move(what), std::move(why), std::move(advice), 0});
}

}  // namespace stoker
