#include "symbolize/batch.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace stoker::symbolize {
namespace {

// Length of the well-formed UTF-8 sequence at text (Unicode 15 table 3-7); 0 when there is none.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const auto follows = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xbf) {
    return byte(i) >= low && byte(i) <= high;
  };
  const unsigned first = byte(0);
  if (first < 0x80) {
    return 1;
  }
  if (first >= 0xc2 && first <= 0xdf) {
    return follows(1) ? 2 : 0;
  }
  if (first >= 0xe0 && first <= 0xef) {
    return follows(1, first == 0xe0 ? 0xa0 : 0x80, first == 0xed ? 0x9f : 0xbf) && follows(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    return follows(1, first == 0xf0 ? 0x90 : 0x80, first == 0xf4 ? 0x8f : 0xbf) && follows(2) && follows(3)
               ? 4
               : 0;
  }
  return 0;
}

// Stands for itself in JSON.
bool is_plain(char c) {
  return c >= 0x20 && c <= 0x7e && c != '"' && c != '\\';
}

void append_json(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const auto plain = static_cast<std::size_t>(std::ranges::find_if_not(text, is_plain) - text.begin());
    out += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) {
      break;
    }
    const std::size_t length = utf8_length(text);
    const char c = text.front();
    if (length == 0) {
      out += "\xef\xbf\xbd";
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  out += '"';
}

}  // namespace

BatchSymbolizer::BatchSymbolizer(elf::BinaryPtr binary, Options options)
    : binary_(std::move(binary)), symbolizer_(std::make_unique<Symbolizer>(std::move(options))) {}

Result<BatchSymbolizer> BatchSymbolizer::open(const std::string& path, Options options) {
  auto file = elf::ElfFile::open(path);
  if (!file) {
    return std::unexpected(file.error());
  }
  elf::Binary binary;
  binary.id = 1;
  binary.path = path;
  binary.elf = std::make_shared<const elf::ElfFile>(*std::move(file));
  binary.build_id = binary.elf->build_id();
  return BatchSymbolizer(std::make_shared<const elf::Binary>(std::move(binary)), std::move(options));
}

std::string BatchSymbolizer::json(elf::ElfAddress address) {
  std::string out = R"({"file":)";
  append_json(out, binary_->path);
  fmt::format_to(std::back_inserter(out), R"(,"address":"0x{:x}","frames":[)", address.value);
  bool first = true;
  for (const SourceFrame& frame : symbolizer_->symbolize(binary_, address)) {
    out += first ? "{" : ",{";
    first = false;
    out += R"("function":)";
    append_json(out, frame.function);
    if (!frame.file.empty()) {
      out += R"(,"file":)";
      append_json(out, frame.file);
      fmt::format_to(std::back_inserter(out), R"(,"line":{})", frame.line);
    }
    out += '}';
  }
  out += "]}\n";
  return out;
}

std::string BatchSymbolizer::text(elf::ElfAddress address) {
  std::string out = fmt::format("0x{:x}: ", address.value);
  const auto frames = symbolizer_->symbolize(binary_, address);
  if (frames.empty()) {
    return out + "??\n";
  }
  for (const SourceFrame& frame : frames) {
    if (&frame != frames.data()) {
      out += " (inlined by) ";
    }
    out += frame.function.empty() ? "??" : frame.function;
    if (!frame.file.empty()) {
      fmt::format_to(std::back_inserter(out), " at {}:{}", frame.file, frame.line);
    }
    out += '\n';
  }
  return out;
}

Result<elf::ElfAddress> parse_address(std::string_view text) {
  std::string_view digits = text;
  if (digits.starts_with("0x") || digits.starts_with("0X")) {
    digits.remove_prefix(2);
  }
  std::uint64_t value = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, value, 16);
  if (error != std::errc{} || stop != end || digits.empty()) {
    return make_error("bad address '" + std::string(text) + "'", "not a hexadecimal number",
                      "write 0x1040 or 1040");
  }
  return elf::ElfAddress{value};
}

}  // namespace stoker::symbolize
