#include "agent/symbolize_command.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "agent/exit_code.h"
#include "agent/read_profile.h"
#include "base/log.h"
#include "symbolize/batch.h"

namespace stoker::agent {
namespace {

// Lines of standard input. Answers so far go out before it waits for more: whoever asks for one address at a time is
// answered, and whoever asks for many does not pay for each.
class InputLines {
 public:
  bool next(std::string& line) {
    std::size_t end = buffer_.find('\n', start_);
    while (end == std::string::npos && read_more()) {
      end = buffer_.find('\n', start_);
    }
    if (start_ == buffer_.size()) {
      return false;
    }
    end = std::min(end, buffer_.size());
    line.assign(buffer_, start_, end - start_);
    start_ = std::min(end + 1, buffer_.size());
    return true;
  }

 private:
  // At most two pieces are kept: a longer line, which is no address, is taken apart.
  bool read_more() {
    constexpr std::size_t kPiece = 64 << 10;
    buffer_.erase(0, start_);
    start_ = 0;
    if (buffer_.size() > kPiece) {
      return false;
    }
    std::fflush(stdout);
    const std::size_t used = buffer_.size();
    buffer_.resize(used + kPiece);
    ssize_t count = 0;
    do {
      count = ::read(STDIN_FILENO, buffer_.data() + used, kPiece);
    } while (count < 0 && errno == EINTR);
    buffer_.resize(used + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
    return count > 0;
  }

  std::string buffer_;
  std::size_t start_ = 0;
};

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
  InputLines lines;
  std::string line;
  while (lines.next(line)) {
    if (!line.empty()) {
      good &= answer(*symbolizer, line, options.json);
    }
  }
  return good ? kSuccess : kFailure;
}

}  // namespace stoker::agent
