// Addresses of one file to lines of JSON: what `agent symbolize FILE` prints.
#pragma once

#include <functional>
#include <istream>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "symbolize/symbolizer.h"

namespace stoker::symbolize {

// One thread's.
class BatchSymbolizer {
 public:
  // An error when path is no ELF file we read.
  static Result<BatchSymbolizer> open(const std::string& path, Options options);

  // {"file":"/bin/x","address":"0x1040","frames":[{"function":"f","file":"a.c","line":3}]} and a newline;
  // frames innermost first, members without a value left out, no frames where nothing is known. Bytes that
  // are not UTF-8 come out as U+FFFD.
  std::string json(elf::ElfAddress address);

  // For people: "0x1040: f at a.c:3", then a line " (inlined by) g at a.c:9" for each further frame; "??" for
  // nothing known.
  std::string text(elf::ElfAddress address);

 private:
  BatchSymbolizer(elf::BinaryPtr binary, Options options);

  elf::BinaryPtr binary_;
  std::unique_ptr<Symbolizer> symbolizer_;
};

// "0x1040", "1040": hexadecimal with or without prefix. An error names the text.
Result<elf::ElfAddress> parse_address(std::string_view text);

}  // namespace stoker::symbolize
