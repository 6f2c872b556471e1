#include "config/value.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

namespace stoker::config {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

// From large to small, as they are written one after the other.
constexpr std::array<Unit, 6> kTimeUnits = {{{"h", 3'600'000'000'000},
                                             {"m", 60'000'000'000},
                                             {"s", 1'000'000'000},
                                             {"ms", 1'000'000},
                                             {"us", 1'000},
                                             {"ns", 1}}};

constexpr std::array<Unit, 8> kSizeUnits = {{{"B", 1},
                                             {"KB", 1'000},
                                             {"MB", 1'000'000},
                                             {"GB", 1'000'000'000},
                                             {"KiB", 1U << 10},
                                             {"MiB", 1U << 20},
                                             {"GiB", 1U << 30},
                                             {"", 1}}};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::unexpected<Error> is_not(std::string_view text, std::string_view what) {
  return make_error("", fmt::format("\"{}\" is not {}", text, what));
}

// Takes a number and the letters behind it off the front of text. False when there is no number or it is past 64
// bits.
bool take_number(std::string_view& text, std::uint64_t& number, std::string_view& unit) {
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) {
    return false;
  }
  text.remove_prefix(static_cast<std::size_t>(stop - text.data()));
  const auto letters = static_cast<std::size_t>(std::ranges::find_if_not(text, is_letter) - text.begin());
  unit = text.substr(0, letters);
  text.remove_prefix(letters);
  return true;
}

// total += number * factor; false when that is past what a duration or an int64_t holds.
bool add(std::uint64_t& total, std::uint64_t number, std::uint64_t factor) {
  std::uint64_t product = 0;
  return !__builtin_mul_overflow(number, factor, &product) &&
         !__builtin_add_overflow(total, product, &total) &&
         total <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
}

}  // namespace

std::string_view describe(Kind kind) {
  switch (kind) {
    case Kind::kBool:
      return "true or false";
    case Kind::kInteger:
      return "a whole number";
    case Kind::kDuration:
      return "a duration such as 500ms, 15s or 1m30s";
    case Kind::kSize:
      return "a size such as 512KiB, 64MiB or 1GB";
    case Kind::kText:
      return "text in one line";
    case Kind::kChoice:
      return "one of the words allowed";
    case Kind::kAddress:
      return "an address such as 127.0.0.1:4141 or [::1]:4141";
    case Kind::kUrl:
      return "an address such as http://host:4040 or https://host/path";
    case Kind::kIntegers:
      return "a list of whole numbers such as [1, 2]";
    case Kind::kLabels:
      return "label names with their texts, one a line; names are letters, digits and _, not __ in front";
    case Kind::kHeaders:
      return "header names with their texts, one a line";
  }
  return "";
}

Result<bool> parse_bool(std::string_view text) {
  if (text == "true" || text == "false") {
    return text == "true";
  }
  return is_not(text, describe(Kind::kBool));
}

Result<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end) {
    return is_not(text, describe(Kind::kInteger));
  }
  return number;
}

Result<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  if (text == "0") {
    return std::chrono::nanoseconds(0);
  }
  std::uint64_t total = 0;
  std::string_view rest = text;
  auto next_unit = kTimeUnits.begin();
  do {
    std::uint64_t number = 0;
    std::string_view name;
    if (!take_number(rest, number, name)) {
      return is_not(text, describe(Kind::kDuration));
    }
    const auto unit =
        std::find_if(next_unit, kTimeUnits.end(), [&](const Unit& u) { return u.name == name; });
    if (unit == kTimeUnits.end() || !add(total, number, unit->factor)) {
      return is_not(text, describe(Kind::kDuration));
    }
    next_unit = unit + 1;
  } while (!rest.empty());
  return std::chrono::nanoseconds(static_cast<std::int64_t>(total));
}

Result<std::uint64_t> parse_size(std::string_view text) {
  std::uint64_t number = 0;
  std::uint64_t total = 0;
  std::string_view rest = text;
  std::string_view name;
  const bool read = take_number(rest, number, name);
  const auto unit = std::ranges::find(kSizeUnits, name, &Unit::name);
  if (!read || !rest.empty() || unit == kSizeUnits.end() || !add(total, number, unit->factor)) {
    return is_not(text, describe(Kind::kSize));
  }
  return total;
}

Result<> check_text(std::string_view text) {
  if (std::ranges::any_of(text, [](unsigned char c) { return c < ' ' || c == 0x7F; })) {
    return make_error("", "the text has a line break or another control character in it");
  }
  return {};
}

Result<> check_address(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) {
    return is_not(text, describe(Kind::kAddress));
  }
  const std::string_view host = text.substr(0, colon);
  const bool bracketed = host.starts_with('[') && host.ends_with(']') && host.size() > 2;
  const auto port = parse_integer(text.substr(colon + 1));
  if (!port || *port < 0 || *port > 65535 || (host.contains(':') && !bracketed) ||
      host.find_first_of(" \t/@") != std::string_view::npos || !check_text(text)) {
    return is_not(text, describe(Kind::kAddress));
  }
  return {};
}

Result<> check_url_form(std::string_view text) {
  const bool http = text.starts_with("http://") && text.size() > 7;
  const bool https = text.starts_with("https://") && text.size() > 8;
  if ((!http && !https) || text.contains(' ') || !check_text(text)) {
    return is_not(text, describe(Kind::kUrl));
  }
  return {};
}

bool is_label_name(std::string_view name) {
  const auto fits = [](char c) { return is_letter(c) || is_digit(c) || c == '_'; };
  return !name.empty() && !is_digit(name.front()) && !name.starts_with("__") &&
         std::ranges::all_of(name, fits);
}

bool is_header_name(std::string_view name) {
  const auto fits = [](char c) {
    return is_letter(c) || is_digit(c) || std::string_view("!#$%&'*+-.^_`|~").contains(c);
  };
  return !name.empty() && std::ranges::all_of(name, fits);
}

}  // namespace stoker::config
