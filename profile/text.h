// Names come from programs nobody vouches for; these make them fit for the formats we write.
#pragma once

#include <string>
#include <string_view>

namespace stoker::profile {

// True for UTF-8 as Go and protobuf check it: no overlong forms, no surrogates, nothing past U+10FFFF.
bool is_valid_utf8(std::string_view text);

// text with each byte that is part of no valid sequence replaced by U+FFFD.
std::string valid_utf8(std::string_view text);

// Appends text as a JSON string (RFC 8259), quotes included. '<', '>', '&' and U+2028/9 are escaped too, so
// that the result can stand inside an HTML <script> element. Invalid UTF-8 becomes U+FFFD.
void append_json(std::string& out, std::string_view text);

// Appends text for an XML or HTML element or a quoted attribute. What XML 1.0 cannot hold becomes U+FFFD.
void append_markup(std::string& out, std::string_view text);

}  // namespace stoker::profile
