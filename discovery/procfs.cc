#include "discovery/procfs.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <ctime>
#include <memory>
#include <utility>

#include "base/unique_fd.h"

namespace stoker::discovery {
namespace {

constexpr std::uint64_t kKernelThreadFlag = 0x00200000;  // PF_KTHREAD, linux/sched.h
// Nothing in maps is as long: addresses and numbers, then a path of at most PATH_MAX.
constexpr std::size_t kLongestLine = 16 << 10;

// Cuts the next field off rest.
std::string_view next_field(std::string_view& rest) {
  const std::size_t start = rest.find_first_not_of(' ');
  if (start == std::string_view::npos) {
    rest = {};
    return {};
  }
  rest.remove_prefix(start);
  const std::string_view field = rest.substr(0, rest.find(' '));
  rest.remove_prefix(field.size());
  return field;
}

template <typename Number>
bool parse_number(std::string_view text, Number& number, int base = 10) {
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  return failed == std::errc{} && end == text.data() + text.size();
}

// "a-b" or "a:b", hexadecimal.
template <typename Number>
bool parse_pair(std::string_view text, char separator, Number& first, Number& second) {
  const std::size_t middle = text.find(separator);
  return middle != std::string_view::npos && parse_number(text.substr(0, middle), first, 16) &&
         parse_number(text.substr(middle + 1), second, 16);
}

// The kernel writes a newline in a path as "\012" and nothing else so (fs/proc/task_mmu.c).
std::string unescape(std::string_view path) {
  std::string text(path);
  for (std::size_t at = text.find("\\012"); at != std::string::npos; at = text.find("\\012", at + 1)) {
    text.replace(at, 4, "\n");
  }
  return text;
}

// False when the file cannot be read or is empty.
bool read_maps(const std::string& path, const std::function<void(const MapsLine&)>& visit) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    return false;
  }
  bool any = false;
  std::string pending;
  std::array<char, 8192> buffer;
  while (true) {
    const ssize_t count = ::read(fd.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count <= 0) {
      return any;
    }
    pending.append(buffer.data(), static_cast<std::size_t>(count));
    std::size_t start = 0;
    for (std::size_t end = pending.find('\n'); end != std::string::npos; end = pending.find('\n', start)) {
      any = true;
      const auto line = parse_maps_line(std::string_view(pending).substr(start, end - start));
      if (line && line->executable) {
        visit(*line);
      }
      start = end + 1;
    }
    pending.erase(0, start);
    if (pending.size() > kLongestLine) {
      return any;
    }
  }
}

}  // namespace

std::optional<ProcStat> parse_stat(std::string_view text) {
  // comm is any text, parentheses and spaces included: the last parenthesis ends it.
  const std::size_t open = text.find('(');
  const std::size_t close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) {
    return std::nullopt;
  }
  ProcStat stat;
  stat.comm = text.substr(open + 1, close - open - 1);
  std::string_view rest = text.substr(close + 1);
  // Fields count from 1; comm is the second (proc(5), /proc/pid/stat).
  std::uint64_t flags = 0;
  for (int field = 3; field <= 22; ++field) {
    const std::string_view value = next_field(rest);
    bool good = !value.empty();
    switch (field) {
      case 3:
        stat.state = good ? value.front() : '?';
        break;
      case 4:
        good = parse_number(value, stat.parent);
        break;
      case 9:
        good = parse_number(value, flags);
        break;
      case 20:
        good = parse_number(value, stat.threads);
        break;
      case 22:
        if (const std::size_t newline = value.find('\n'); newline != std::string_view::npos) {
          good = parse_number(value.substr(0, newline), stat.start_ticks);
        } else {
          good = parse_number(value, stat.start_ticks);
        }
        break;
      default:
        break;
    }
    if (!good) {
      return std::nullopt;
    }
  }
  stat.kernel_thread = (flags & kKernelThreadFlag) != 0;
  return stat;
}

MonotonicTime start_time(const ProcStat& stat) {
  timespec boot{};
  ::clock_gettime(CLOCK_BOOTTIME, &boot);
  const std::uint64_t boot_ns =
      static_cast<std::uint64_t>(boot.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(boot.tv_nsec);
  const std::uint64_t monotonic = monotonic_now().ns;
  const std::uint64_t suspended = boot_ns > monotonic ? boot_ns - monotonic : 0;
  static const auto ticks_per_second = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  const std::uint64_t start = stat.start_ticks * (1'000'000'000 / ticks_per_second);
  return {start > suspended ? start - suspended : 0};
}

std::optional<MapsLine> parse_maps_line(std::string_view line) {
  MapsLine parsed;
  std::string_view rest = line;
  if (!parse_pair(next_field(rest), '-', parsed.start.value, parsed.end.value)) {
    return std::nullopt;
  }
  const std::string_view permissions = next_field(rest);
  parsed.executable = permissions.size() >= 3 && permissions[2] == 'x';
  if (!parse_number(next_field(rest), parsed.offset.value, 16) ||
      !parse_pair(next_field(rest), ':', parsed.file.major, parsed.file.minor) ||
      !parse_number(next_field(rest), parsed.file.inode) || parsed.end <= parsed.start) {
    return std::nullopt;
  }
  const std::size_t path = rest.find_first_not_of(' ');
  if (path != std::string_view::npos) {
    parsed.path = unescape(rest.substr(path));
  }
  return parsed;
}

bool read_executable_maps(const std::string& proc_root, pid_t pid,
                          const std::function<void(const MapsLine&)>& visit) {
  const std::string directory = proc_root + '/' + std::to_string(pid);
  if (read_maps(directory + "/maps", visit)) {
    return true;
  }
  const auto threads = list_numbers(directory + "/task");
  if (!threads) {
    return false;
  }
  for (const pid_t thread : *threads) {
    if (thread != pid && read_maps(directory + "/task/" + std::to_string(thread) + "/maps", visit)) {
      return true;
    }
  }
  return false;
}

Result<std::vector<pid_t>> list_numbers(const std::string& directory) {
  const std::unique_ptr<DIR, int (*)(DIR*)> open(::opendir(directory.c_str()), ::closedir);
  if (open == nullptr) {
    return system_error("cannot list " + directory, errno);
  }
  std::vector<pid_t> numbers;
  while (const dirent* const entry = ::readdir(open.get())) {
    pid_t number = 0;
    if (parse_number(std::string_view(entry->d_name), number) && number > 0) {
      numbers.push_back(number);
    }
  }
  return numbers;
}

}  // namespace stoker::discovery
