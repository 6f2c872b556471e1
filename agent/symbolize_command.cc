#include "agent/symbolize_command.h"

#include <cstdio>
#include <iostream>

#include "agent/exit_code.h"
#include "agent/read_profile.h"
#include "base/log.h"
#include "symbolize/batch.h"

namespace stoker::agent {
namespace {

// False, with a message, for text that is no address.
bool answer(symbolize::BatchSymbolizer& symbolizer, const std::string& text, bool json) {
  const auto address = symbolize::parse_address(text);
  if (!address) {
    log::error("{}", address.error().message());
    return false;
  }
  const std::string lines = json ? symbolizer.json(*address) : symbolizer.text(*address);
  std::fwrite(lines.data(), 1, lines.size(), stdout);
  return true;
}

}  // namespace

int symbolize_file(const SymbolizeOptions& options) {
  auto symbolizer = symbolize::BatchSymbolizer::open(options.file, options.symbols);
  if (!symbolizer) {
    if (read_profile(options.file)) {
      log::error("{} is a profile; say where the one with names goes, such as -o named.pb.gz", options.file);
      return kUsage;
    }
    log::error("{}", symbolizer.error().message());
    return kFailure;
  }
  bool good = true;
  for (const std::string& text : options.addresses) {
    good &= answer(*symbolizer, text, options.json);
  }
  if (!options.addresses.empty()) {
    return good ? kSuccess : kUsage;
  }
  std::string line;
  while (std::getline(std::cin, line)) {
    if (!line.empty()) {
      good &= answer(*symbolizer, line, options.json);
    }
  }
  return good ? kSuccess : kFailure;
}

}  // namespace stoker::agent
