#include "symbolize/kernel.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <tuple>

#include "base/unique_fd.h"
#include "symbolize/mapping_symbol.h"

namespace stoker::symbolize {
namespace {

// A running kernel has some 200,000 symbols of at most 512 characters (KSYM_NAME_LEN).
constexpr std::size_t kMostSymbols = 4 << 20;
constexpr std::size_t kMostText = 256 << 20;
constexpr std::size_t kLongestLine = 4096;
constexpr std::size_t kMostModules = 65536;

// Kernel addresses have the top bit set; per-CPU offsets and absolute symbols do not.
constexpr std::uint64_t kKernelHalf = std::uint64_t{1} << 63;

bool is_code(char type) {
  return type == 't' || type == 'T' || type == 'w' || type == 'W' || type == 'i';
}

}  // namespace

struct KernelSymbols::Line {
  std::uint64_t address = 0;
  char type = 0;
  std::string_view name;
  std::string_view module;

  static bool parse(std::string_view text, Line& line) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), line.address, 16);
    const std::size_t used = static_cast<std::size_t>(end - text.data());
    if (error != std::errc{} || text.size() < used + 4 || text[used] != ' ' || text[used + 2] != ' ') {
      return false;
    }
    line.type = text[used + 1];
    text.remove_prefix(used + 3);
    const std::size_t name_end = text.find_first_of("\t ");
    line.name = text.substr(0, name_end);
    line.module = {};
    const std::size_t open = name_end == std::string_view::npos ? name_end : text.find('[', name_end);
    if (open != std::string_view::npos) {
      const std::size_t close = text.find(']', open);
      line.module = text.substr(open + 1, close == std::string_view::npos ? close : close - open - 1);
    }
    return !line.name.empty();
  }
};

Result<KernelSymbols> KernelSymbols::read(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) {
    return system_error("cannot open " + path, errno);
  }
  KernelSymbols symbols;
  bool any_address = false;
  std::string buffer(64 << 10, '\0');
  std::size_t kept = 0;
  while (true) {
    const ssize_t count = ::read(fd.get(), buffer.data() + kept, buffer.size() - kept);
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return system_error("cannot read " + path, errno);
    }
    const std::string_view chunk(buffer.data(), kept + static_cast<std::size_t>(count));
    std::size_t start = 0;
    for (std::size_t end = chunk.find('\n'); end != std::string_view::npos; end = chunk.find('\n', start)) {
      Line line;
      if (Line::parse(chunk.substr(start, end - start), line)) {
        any_address |= line.address != 0;
        symbols.add(line);
      }
      start = end + 1;
    }
    if (count == 0) {
      break;
    }
    kept = chunk.size() - start;
    if (kept > kLongestLine) {
      kept = 0;  // no line of kallsyms: skip it
    }
    std::copy_n(buffer.begin() + static_cast<std::ptrdiff_t>(start), kept, buffer.begin());
  }
  symbols.hidden_ = !any_address;
  symbols.sort();
  return symbols;
}

void KernelSymbols::add(const Line& line) {
  // On arm64 the list has the mapping symbols of modules.
  if (line.address < kKernelHalf || is_mapping_symbol(line.name) || entries_.size() >= kMostSymbols ||
      text_.size() >= kMostText) {
    return;
  }
  if (is_code(line.type)) {
    entries_.push_back({line.address, static_cast<std::uint32_t>(text_.size()), module_index(line.module)});
    text_ += line.name;
    text_ += '\0';
  } else {
    entries_.push_back({line.address, 0, 0});
  }
}

std::uint32_t KernelSymbols::module_index(std::string_view module) {
  // Symbols of one module stand together.
  const auto found = std::find(modules_.rbegin(), modules_.rend(), module);
  if (found != modules_.rend()) {
    return static_cast<std::uint32_t>(modules_.rend() - found - 1);
  }
  if (modules_.size() > kMostModules) {
    return 0;
  }
  modules_.emplace_back(module);
  return static_cast<std::uint32_t>(modules_.size() - 1);
}

void KernelSymbols::sort() {
  // Of several at one address: code before data, then the fewest leading underscores, then the shortest.
  const auto key = [this](const Entry& entry) {
    const std::string_view text = name(entry);
    const std::size_t underscores = std::min(text.find_first_not_of('_'), text.size());
    return std::tuple(text.empty(), underscores, text.size(), text);
  };
  std::ranges::sort(entries_, [&](const Entry& a, const Entry& b) {
    return a.address != b.address ? a.address < b.address : key(a) < key(b);
  });
  const auto needless = std::ranges::unique(entries_, [](const Entry& a, const Entry& b) {
    return a.address == b.address || (a.name == 0 && b.name == 0);
  });
  entries_.erase(needless.begin(), needless.end());
  entries_.shrink_to_fit();
  for (const Entry& entry : entries_) {
    if (entry.name != 0 && entry.module == 0) {
      proper_start_ = proper_end_ == 0 ? entry.address : proper_start_;
      proper_end_ = entry.address;
    }
  }
  text_.shrink_to_fit();
}

KernelSymbols::Found KernelSymbols::find(std::uint64_t address) const {
  const auto after = std::ranges::upper_bound(entries_, address, {}, &Entry::address);
  if (after == entries_.begin() || (after - 1)->name == 0) {
    return {};
  }
  const Entry& entry = *(after - 1);
  return {name(entry), modules_[entry.module], entry.address};
}

}  // namespace stoker::symbolize
