#include "symbolize/debuginfod.h"

#include <dlfcn.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <map>
#include <mutex>
#include <utility>

#include "base/bounded_queue.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"

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
  explicit Impl(const DebuginfodOptions& options)
      : most_bytes_(options.most_bytes),
        most_ns_(static_cast<std::uint64_t>(options.most_seconds) * 1'000'000'000),
        thread_(start_thread("debuginfod", [this](const std::stop_token& stop) { run(stop); })) {}

  ~Impl() {
    thread_.request_stop();
    stopping_ = true;
    queue_.close();
  }

  std::optional<std::string> find(const std::string& build_id) {
    const std::lock_guard lock(mutex_);
    const auto known = known_.find(build_id);
    if (known != known_.end() &&
        (!known->second.path.empty() || monotonic_now().ns < known->second.again_ns)) {
      return known->second.path.empty() ? std::nullopt : std::optional(known->second.path);
    }
    if (known_.size() < kMostKnown && queue_.push(std::string(build_id))) {
      known_[build_id] = {{}, UINT64_MAX};
    }
    return std::nullopt;
  }

  bool take_news() { return news_.exchange(false); }

 private:
  struct Known {
    std::string path;  // "" while it is being fetched, or no server has it
    std::uint64_t again_ns = 0;
  };

  void run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      if (const auto build_id = queue_.pop(std::chrono::seconds(1))) {
        std::string path = fetch(*build_id);
        const std::lock_guard lock(mutex_);
        news_ = news_ || !path.empty();
        known_[*build_id] = {std::move(path), monotonic_now().ns + kAskAgainAfter};
      }
    }
  }

  std::string fetch(const std::string& build_id) {
    Client* const client = library()->begin();
    if (client == nullptr) {
      return {};
    }
    started_ns_ = monotonic_now().ns;
    library()->set_user_data(client, this);
    library()->set_progressfn(client, &progress);
    char* path = nullptr;
    // Length 0: the build id is text in hexadecimal.
    const int fd =
        library()->find_debuginfo(client, reinterpret_cast<const unsigned char*>(build_id.c_str()), 0, &path);
    std::string found = fd >= 0 && path != nullptr ? path : "";
    if (fd >= 0) {
      ::close(fd);
    }
    std::free(path);
    library()->end(client);
    return found;
  }

  // Called by the library as bytes arrive; anything but 0 ends the download. A server that lies about the
  // length or trickles for ever is left here.
  static int progress(Client* client, long done, long) {
    const auto* const self = static_cast<const Impl*>(library()->get_user_data(client));
    const bool too_long = monotonic_now().ns - self->started_ns_ > self->most_ns_;
    return self->stopping_ || done > self->most_bytes_ || too_long ? 1 : 0;
  }

  const long most_bytes_;
  const std::uint64_t most_ns_;
  BoundedQueue<std::string> queue_{kMostWaiting};
  std::mutex mutex_;
  std::map<std::string, Known> known_;
  std::atomic<bool> news_{false};
  std::atomic<bool> stopping_{false};
  std::uint64_t started_ns_ = 0;  // of the download; the thread's own
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
