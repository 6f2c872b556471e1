#include "profile/write_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "base/clock.h"
#include "base/unique_fd.h"
#include "profile/folded.h"
#include "profile/html.h"
#include "profile/pprof_writer.h"
#include "profile/speedscope.h"
#include "profile/svg.h"

namespace stoker::profile {
namespace {

// ".pb" after ".pb.gz" and so on: the first that fits is taken.
constexpr std::array<std::pair<std::string_view, Format>, 6> kEndings = {{
    {".pb.gz", Format::kPprof},
    {".pb", Format::kPprofRaw},
    {".html", Format::kHtml},
    {".folded", Format::kFolded},
    {".speedscope.json", Format::kSpeedscope},
    {".svg", Format::kSvg},
}};

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

std::string advice_for(int error_number, const std::string& path) {
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return "free some space, or choose another place with -o";
    case ENOENT:
      return "create the directory " + directory_of(path) + " first";
    case EACCES:
    case EPERM:
    case EROFS:
      return "choose a directory that you may write to";
    case ENOTDIR:
    case ENAMETOOLONG:
      return "choose another name with -o";
    default:
      return {};
  }
}

std::unexpected<Error> cannot_write(const std::string& path, int error_number) {
  return system_error("cannot write " + path, error_number, advice_for(error_number, path));
}

// A new file beside the one to be, removed unless it is renamed to it.
class AsideFile {
 public:
  static Result<AsideFile> create(const std::string& path) {
    AsideFile aside;
    aside.path_ = path;
    for (unsigned attempt = 0; attempt < 100; ++attempt) {
      const std::string name =
          fmt::format("{}/.stoker-{}-{:x}.tmp", directory_of(path), getpid(), monotonic_now().ns + attempt);
      aside.fd_.reset(::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
      if (aside.fd_) {
        aside.name_ = name;
        return aside;
      }
      if (errno != EEXIST) {
        break;
      }
    }
    return cannot_write(path, errno);
  }

  AsideFile(AsideFile&& other) noexcept
      : path_(std::move(other.path_)), name_(std::exchange(other.name_, {})), fd_(std::move(other.fd_)) {}
  AsideFile& operator=(AsideFile&&) = delete;
  AsideFile(const AsideFile&) = delete;
  AsideFile& operator=(const AsideFile&) = delete;
  ~AsideFile() {
    if (!name_.empty()) {
      ::unlink(name_.c_str());
    }
  }

  Result<> write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::write(fd_.get(), bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) {
        continue;
      }
      if (written < 0) {
        return cannot_write(path_, errno);
      }
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
  }

  // Network file systems report a full disk as late as here.
  Result<> close_and_rename() {
    if (::close(fd_.release()) != 0 || std::rename(name_.c_str(), path_.c_str()) != 0) {
      return cannot_write(path_, errno);
    }
    name_.clear();
    return {};
  }

 private:
  AsideFile() = default;

  std::string path_;
  std::string name_;  // "" once it is no longer ours to remove
  UniqueFd fd_;
};

// A rename would replace a device or a pipe by a file.
Result<> check_kind(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) {
    return {};
  }
  if (S_ISDIR(status.st_mode)) {
    return make_error("cannot write " + path, "it is a directory", "name a file in it");
  }
  if (!S_ISREG(status.st_mode)) {
    return make_error("cannot write " + path, "it is not a regular file", "choose another name with -o");
  }
  return {};
}

}  // namespace

Result<Format> format_for(const std::string& path) {
  std::string known;
  for (const auto& [ending, format] : kEndings) {
    if (path.ends_with(ending)) {
      return format;
    }
    known += known.empty() ? "" : ", ";
    known += ending;
  }
  return make_error("cannot tell the format of " + path, "its ending is not known", "use one of " + known);
}

Result<std::string> write_profile(const Profile& profile, Format format, const std::string& title) {
  switch (format) {
    case Format::kPprof:
      return write_pprof(profile);
    case Format::kPprofRaw:
      return write_pprof(profile, {.gzip = false});
    case Format::kHtml:
      return write_html(profile, {.title = title});
    case Format::kFolded:
      return write_folded(profile);
    case Format::kSpeedscope:
      return write_speedscope(profile, title);
    case Format::kSvg:
      return write_svg(profile, {.title = title});
  }
  return make_error("cannot write the profile", "unknown format");
}

Result<> check_destination(const std::string& path) {
  if (const auto format = format_for(path); !format) {
    return std::unexpected(format.error());
  }
  if (auto kind = check_kind(path); !kind) {
    return kind;
  }
  if (const auto aside = AsideFile::create(path); !aside) {
    return std::unexpected(aside.error());
  }
  return {};
}

Result<> write_file_whole(const std::string& path, std::string_view bytes) {
  if (auto kind = check_kind(path); !kind) {
    return kind;
  }
  auto aside = AsideFile::create(path);
  if (!aside) {
    return std::unexpected(aside.error());
  }
  if (auto written = aside->write(bytes); !written) {
    return written;
  }
  return aside->close_and_rename();
}

Result<> write_profile_file(const Profile& profile, const std::string& path, const std::string& title) {
  const auto format = format_for(path);
  if (!format) {
    return std::unexpected(format.error());
  }
  const auto bytes = write_profile(profile, *format, title);
  if (!bytes) {
    return std::unexpected(bytes.error());
  }
  return write_file_whole(path, *bytes);
}

}  // namespace stoker::profile
