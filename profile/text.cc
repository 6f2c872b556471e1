#include "profile/text.h"

#include <fmt/format.h>

#include <cstddef>
#include <iterator>

namespace stoker::profile {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// The length of the valid sequence at text[at], 0 when there is none (Unicode 15, table 3-7).
std::size_t sequence_length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0u;
  };
  const auto within = [&](std::size_t i, unsigned low, unsigned high) {
    return byte(i) >= low && byte(i) <= high;
  };
  const unsigned lead = byte(0);
  if (lead < 0x80) {
    return 1;
  }
  if (lead >= 0xc2 && lead <= 0xdf) {
    return within(1, 0x80, 0xbf) ? 2 : 0;
  }
  if (lead >= 0xe0 && lead <= 0xef) {
    const unsigned low = lead == 0xe0 ? 0xa0 : 0x80;
    const unsigned high = lead == 0xed ? 0x9f : 0xbf;
    return within(1, low, high) && within(2, 0x80, 0xbf) ? 3 : 0;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    const unsigned low = lead == 0xf0 ? 0x90 : 0x80;
    const unsigned high = lead == 0xf4 ? 0x8f : 0xbf;
    return within(1, low, high) && within(2, 0x80, 0xbf) && within(3, 0x80, 0xbf) ? 4 : 0;
  }
  return 0;
}

// Calls put(sequence) for each character, kReplacement standing for each invalid byte.
template <typename Put>
void for_each_character(std::string_view text, Put put) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = sequence_length(text, at);
    put(length == 0 ? kReplacement : text.substr(at, length));
    at += length == 0 ? 1 : length;
  }
}

}  // namespace

bool is_valid_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = sequence_length(text, at);
    if (length == 0) {
      return false;
    }
    at += length;
  }
  return true;
}

std::string valid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for_each_character(text, [&](std::string_view character) { out += character; });
  return out;
}

void append_json(std::string& out, std::string_view text) {
  out += '"';
  for_each_character(text, [&](std::string_view character) {
    const auto first = static_cast<unsigned char>(character[0]);
    if (character == "\"" || character == "\\") {
      out += '\\';
      out += character;
    } else if (first < 0x20 || first == 0x7f || first == '<' || first == '>' || first == '&') {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", first);
    } else if (character == "\xE2\x80\xA8" || character == "\xE2\x80\xA9") {
      out += character.back() == '\xA8' ? "\\u2028" : "\\u2029";
    } else {
      out += character;
    }
  });
  out += '"';
}

void append_markup(std::string& out, std::string_view text) {
  for_each_character(text, [&](std::string_view character) {
    const auto first = static_cast<unsigned char>(character[0]);
    if (character.size() > 1) {
      const bool not_in_xml = character == "\xEF\xBF\xBE" || character == "\xEF\xBF\xBF";
      out += not_in_xml ? kReplacement : character;
    } else if (first == '<') {
      out += "&lt;";
    } else if (first == '>') {
      out += "&gt;";
    } else if (first == '&') {
      out += "&amp;";
    } else if (first == '"') {
      out += "&quot;";
    } else if (first == '\'') {
      out += "&#39;";
    } else if (first < 0x20 && first != '\t' && first != '\n' && first != '\r') {
      out += kReplacement;
    } else {
      out += character;
    }
  });
}

}  // namespace stoker::profile
