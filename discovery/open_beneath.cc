#include "discovery/open_beneath.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace stoker::discovery {
namespace {

// What openat2 does with RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS, one component at a time: for kernels before 5.6.
UniqueFd walk(UniqueFd directory, std::string_view path) {
  while (true) {
    const std::size_t start = path.find_first_not_of('/');
    if (start == std::string_view::npos) {
      return directory;
    }
    path.remove_prefix(start);
    const std::string component(path.substr(0, path.find('/')));
    path.remove_prefix(component.size());
    if (component == "..") {
      errno = EXDEV;
      return {};
    }
    UniqueFd next(::openat(directory.get(), component.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat status{};
    if (!next || ::fstat(next.get(), &status) != 0) {
      return {};
    }
    if (S_ISLNK(status.st_mode)) {
      errno = ELOOP;
      return {};
    }
    directory = std::move(next);
  }
}

}  // namespace

UniqueFd open_beneath(const std::string& directory, std::string_view path) {
  UniqueFd root(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) {
    return {};
  }
  if (path.find('\0') != std::string_view::npos) {
    errno = EINVAL;
    return {};
  }
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  const std::string name(path);
  UniqueFd fd(static_cast<int>(::syscall(SYS_openat2, root.get(), name.c_str(), &how, sizeof(how))));
  if (!fd && (errno == ENOSYS || errno == EPERM)) {
    return walk(std::move(root), path);
  }
  return fd;
}

UniqueFd reopen_regular(const UniqueFd& path_fd) {
  struct stat status{};
  if (::fstat(path_fd.get(), &status) != 0) {
    return {};
  }
  if (!S_ISREG(status.st_mode)) {
    errno = EINVAL;
    return {};
  }
  const std::string self = "/proc/self/fd/" + std::to_string(path_fd.get());
  return UniqueFd(::open(self.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
}

}  // namespace stoker::discovery
