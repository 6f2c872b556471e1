#include "symbolize/debuginfod.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <utility>

#include "base/bounded_queue.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "elf/elf_file.h"
#include "symbolize/complaints.h"

namespace stoker::symbolize {
namespace {

constexpr std::size_t kMostWaiting = 1024;
constexpr std::size_t kMostKnown = 65536;
constexpr std::uint64_t kAskAgainAfter = 3600ull * 1'000'000'000;

// elfutils/debuginfod.h, as far as we use it.
struct Client;
using Progress = int (*)(Client*, long, long);
struct Library {
  Client* (*begin)() = nullptr;
  void (*end)(Client*) = nullptr;
  int (*find_debuginfo)(Client*, const unsigned char*, int, char**) = nullptr;
  void (*set_progressfn)(Client*, Progress) = nullptr;
  void (*set_user_data)(Client*, void*) = nullptr;
  void* (*get_user_data)(Client*) = nullptr;
};

template <typename Function>
bool load(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  return function != nullptr;
}

std::optional<Library> open_library() {
  void* const handle = ::dlopen("libdebuginfod.so.1", RTLD_NOW | RTLD_LOCAL);
  Library library;
  if (handle == nullptr || !load(handle, "debuginfod_begin", library.begin) ||
      !load(handle, "debuginfod_end", library.end) ||
      !load(handle, "debuginfod_find_debuginfo", library.find_debuginfo) ||
      !load(handle, "debuginfod_set_progressfn", library.set_progressfn) ||
      !load(handle, "debuginfod_set_user_data", library.set_user_data) ||
      !load(handle, "debuginfod_get_user_data", library.get_user_data)) {
    return std::nullopt;
  }
  return library;
}

// Loaded at most once: it keeps state of its own (curl's) that outlives a client.
const std::optional<Library>& library() {
  static const std::optional<Library> instance = open_library();
  return instance;
}

// The library takes its settings from the environment only.
void set_environment(const DebuginfodOptions& options) {
  ::setenv("DEBUGINFOD_URLS", options.urls.c_str(), 1);
  ::setenv("DEBUGINFOD_TIMEOUT", std::to_string(options.timeout_seconds).c_str(), 1);
  ::setenv("DEBUGINFOD_MAXTIME", std::to_string(options.most_seconds).c_str(), 1);
  ::setenv("DEBUGINFOD_MAXSIZE", std::to_string(options.most_bytes).c_str(), 1);
  if (!options.cache.empty()) {
    ::setenv("DEBUGINFOD_CACHE_PATH", options.cache.c_str(), 1);
  }
}

}  // namespace

class Debuginfod::Impl {
 public:
  explicit Impl(DebuginfodOptions options)
      : options_(std::move(options)),
        thread_(start_thread("debuginfod", [this](const std::stop_token& stop) { run(stop); })) {}

  ~Impl() {
    stopping_ = true;
    thread_.request_stop();
    queue_.close();
  }

  std::optional<std::string> find(const std::string& build_id) {
    std::unique_lock lock(mutex_);
    const auto known = known_.find(build_id);
    if (known == known_.end() ||
        (known->second.path.empty() && monotonic_now().ns >= known->second.again_ns)) {
      if (known_.size() >= kMostKnown || !queue_.push(std::string(build_id))) {
        return std::nullopt;
      }
      known_[build_id] = {{}, kBeingFetched};
    }
    if (options_.wait) {
      fetched_.wait(lock, [&] { return known_[build_id].again_ns != kBeingFetched; });
    }
    const std::string& path = known_[build_id].path;
    return path.empty() ? std::nullopt : std::optional(path);
  }

  bool take_news() { return news_.exchange(false); }

 private:
  static constexpr std::uint64_t kBeingFetched = UINT64_MAX;
  struct Known {
    std::string path;  // "" while it is being fetched, or when there is none to be had
    std::uint64_t again_ns = 0;
  };

  void run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      if (const auto build_id = queue_.pop(std::chrono::seconds(1))) {
        std::string path = fetch(*build_id);
        const std::lock_guard lock(mutex_);
        // Who waits has the path as an answer; for all others it is news.
        news_ = news_ || (!path.empty() && !options_.wait);
        known_[*build_id] = {std::move(path), monotonic_now().ns + kAskAgainAfter};
        fetched_.notify_all();
      }
    }
  }

  std::string fetch(const std::string& build_id) {
    Client* const client = library()->begin();
    if (client == nullptr) {
      return {};
    }
    download_ = {.started_ns = monotonic_now().ns, .total = 0, .stopped = {}};
    library()->set_user_data(client, this);
    library()->set_progressfn(client, &progress);
    char* path = nullptr;
    // Length 0: the build id is text in hexadecimal.
    const int fd =
        library()->find_debuginfo(client, reinterpret_cast<const unsigned char*>(build_id.c_str()), 0, &path);
    std::string found = fd >= 0 && path != nullptr ? path : "";
    if (fd >= 0) {
      ::close(fd);
    } else if (!stopping_) {
      complain("cannot fetch debug files", why_not(-fd));
    }
    std::free(path);
    library()->end(client);
    if (!found.empty() && !is_right(found, build_id)) {
      ::unlink(found.c_str());  // or the library's cache would give it again
      found.clear();
    }
    return found;
  }

  bool is_right(const std::string& path, const std::string& build_id) {
    const auto file = elf::ElfFile::open(path);
    if (!file) {
      complain("ignoring a file", file.error().why);
    } else if (file->build_id() != build_id) {
      complain("ignoring a file", "its build id is not the one that was asked for");
    }
    return file && file->build_id() == build_id;
  }

  // The library does not tell which of several servers it was.
  void complain(const std::string& what, const std::string& why) {
    if (why.empty()) {
      return;
    }
    complaints_.once({what + " from " + options_.urls, why, {}, 0});
  }

  // "" when no server has the file. The library gives that for downloads that did not end as well.
  std::string why_not(int error) const {
    if (!download_.stopped.empty() || error != ENOENT) {
      return download_.stopped.empty() ? std::strerror(error) : download_.stopped;
    }
    return download_.total > 0 ? "the download broke off" : "";
  }

  // Called by the library about once a second; anything but 0 ends the download. A server that lies about the length or
  // trickles for ever is left here. total is 0 until a server has begun to send.
  static int progress(Client* client, long done, long total) {
    auto* const self = static_cast<Impl*>(library()->get_user_data(client));
    const DebuginfodOptions& options = self->options_;
    Download& download = self->download_;
    download.total = std::max(download.total, total);
    if (std::max(done, total) > options.most_bytes) {
      download.stopped = fmt::format("a file of more than {} bytes", options.most_bytes);
    } else if (monotonic_now().ns - download.started_ns >
               static_cast<std::uint64_t>(options.most_seconds) * 1'000'000'000) {
      download.stopped = fmt::format("no file within {} s", options.most_seconds);
    }
    return self->stopping_ || !download.stopped.empty() ? 1 : 0;
  }

  struct Download {
    std::uint64_t started_ns = 0;
    long total = 0;       // bytes, as the server announced them
    std::string stopped;  // why we ended it
  };

  const DebuginfodOptions options_;
  BoundedQueue<std::string> queue_{kMostWaiting};
  std::mutex mutex_;
  std::condition_variable fetched_;
  std::map<std::string, Known> known_;
  std::atomic<bool> news_{false};
  std::atomic<bool> stopping_{false};
  // The thread's own.
  Complaints complaints_;
  Download download_;
  std::jthread thread_;
};

Debuginfod::Debuginfod(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Debuginfod::~Debuginfod() = default;

std::unique_ptr<Debuginfod> Debuginfod::start(const DebuginfodOptions& options) {
  if (options.urls.empty()) {
    return nullptr;
  }
  set_environment(options);
  if (!library()) {
    log::warning("debug files are not fetched: libdebuginfod.so.1 is not installed");
    return nullptr;
  }
  return std::unique_ptr<Debuginfod>(new Debuginfod(std::make_unique<Impl>(options)));
}

std::optional<std::string> Debuginfod::find(const std::string& build_id) {
  return impl_->find(build_id);
}

bool Debuginfod::take_news() {
  return impl_->take_news();
}

}  // namespace stoker::symbolize
