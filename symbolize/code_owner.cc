#include "symbolize/code_owner.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/mapped_file.h"

namespace stoker::symbolize {
namespace {

// The last number of "NSpid:" in /proc/PID/status: what the process itself calls its PID.
pid_t pid_in_namespace(pid_t pid) {
  const auto status = read_file(fmt::format("/proc/{}/status", pid));
  const std::size_t start = status ? status->find("NSpid:") : std::string::npos;
  if (start == std::string::npos) {
    return pid;
  }
  const std::size_t end = std::min(status->find('\n', start), status->size());
  const std::size_t last = status->find_last_of(" \t", end - 1) + 1;
  pid_t inner = pid;
  std::from_chars(status->data() + last, status->data() + end, inner);
  return inner;
}

}  // namespace

std::optional<CodeOwner> find_code_owner(pid_t pid, std::uint64_t image, std::string dump) {
  struct stat process{};
  auto root = TargetRoot::open(fmt::format("/proc/{}/root", pid));
  if (!root || ::stat(fmt::format("/proc/{}", pid).c_str(), &process) != 0) {
    return std::nullopt;
  }
  return CodeOwner{.pid = pid,
                   .image = image,
                   .inner_pid = pid_in_namespace(pid),
                   .uid = process.st_uid,
                   .dump = std::move(dump),
                   .root = std::make_shared<const TargetRoot>(*std::move(root))};
}

bool is_dump_path(std::string_view path) {
  return path.ends_with(".dump") && path.substr(path.rfind('/') + 1).starts_with("jit-");
}

}  // namespace stoker::symbolize
