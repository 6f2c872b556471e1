// Debug files from a debuginfod server (elfutils), for those who ask for it.
#pragma once

#include <memory>
#include <optional>
#include <string>

namespace stoker::symbolize {

struct DebuginfodOptions {
  std::string urls;           // as DEBUGINFOD_URLS: separated by spaces; "" turns it off
  std::string cache;          // directory; "" for elfutils' default (~/.cache/debuginfod_client)
  long timeout_seconds = 30;  // without progress
  long most_seconds = 300;    // of one download
  long most_bytes = 2L << 30;
};

// Downloads on a thread of its own, `debuginfod`; nobody waits for it: what is asked for now may be there in a
// later window. What crosses: build ids one way, paths of finished downloads the other. The library is loaded
// when first needed, so an agent that does not use it does not carry its HTTP client. Safe from any thread.
class Debuginfod {
 public:
  // Null when urls is empty, or, with one line in the log, when libdebuginfod.so.1 is not installed.
  static std::unique_ptr<Debuginfod> start(const DebuginfodOptions& options);
  ~Debuginfod();
  Debuginfod(const Debuginfod&) = delete;
  Debuginfod& operator=(const Debuginfod&) = delete;

  // The path of the downloaded file, which the caller checks as any other (build id, ELF); nullopt when it is
  // not there: then it is fetched, once; servers that do not have it are not asked again for an hour.
  std::optional<std::string> find(const std::string& build_id);

  // Whether a download finished since the last call: answers given before may now be better.
  bool take_news();

 private:
  class Impl;
  explicit Debuginfod(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace stoker::symbolize
