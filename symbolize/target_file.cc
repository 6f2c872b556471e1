#include "symbolize/target_file.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace stoker::symbolize {

Result<TargetRoot> TargetRoot::open(const std::string& path) {
  UniqueFd directory(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory) {
    return system_error("cannot open " + path, errno);
  }
  return TargetRoot(path, std::move(directory));
}

Result<UniqueFd> open_target_file(const TargetRoot& root, const std::string& path, uid_t owner,
                                  std::uint64_t limit, FileState& state) {
  const std::string what = "cannot read " + root.path() + path;
  open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  UniqueFd fd(
      static_cast<int>(::syscall(SYS_openat2, root.directory().get(), path.c_str(), &how, sizeof how)));
  if (!fd && errno == ENOSYS) {  // before Linux 5.6
    const std::string relative = path.substr(path.find_first_not_of('/'));
    fd.reset(
        ::openat(root.directory().get(), relative.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW));
  }
  struct stat info{};
  if (!fd || ::fstat(fd.get(), &info) != 0) {
    return system_error(what, errno);
  }
  if (!S_ISREG(info.st_mode)) {
    return make_error(what, "not a regular file");
  }
  if (info.st_uid != owner && info.st_uid != 0) {
    return make_error(what,
                      "it belongs to user " + std::to_string(info.st_uid) + ", not to the process's user");
  }
  state = {info.st_dev, info.st_ino, static_cast<std::uint64_t>(info.st_size)};
  if (state.size > limit) {
    return make_error(what, "it is larger than " + std::to_string(limit) + " bytes");
  }
  return fd;
}

Result<> read_at(const UniqueFd& fd, std::uint64_t from, std::uint64_t most, std::string& out) {
  constexpr std::uint64_t kChunk = 1 << 18;
  while (most != 0) {
    const std::size_t used = out.size();
    out.resize(used + std::min(most, kChunk));
    const ssize_t count = ::pread(fd.get(), out.data() + used, out.size() - used, static_cast<off_t>(from));
    if (count < 0 && errno == EINTR) {
      out.resize(used);
      continue;
    }
    out.resize(used + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
    if (count < 0) {
      return system_error("cannot read a target's file", errno);
    }
    if (count == 0) {
      break;
    }
    from += static_cast<std::uint64_t>(count);
    most -= static_cast<std::uint64_t>(count);
  }
  return {};
}

}  // namespace stoker::symbolize
