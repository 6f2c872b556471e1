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
  bool wait =
      false;  // find() returns when the download has ended: for commands that name a file once and end
};

// Downloads on a thread of its own, `debuginfod`; nobody waits for it: what is asked for now may be there in a
// later window. What crosses: build ids one way, paths of finished downloads the other. What a server sends is used
// only if it is an ELF file with the build id that was asked for. Servers that fail are named in the log once for each
// way of failing, and asked again later. The library is loaded when first needed, so an agent that does not use it does
// not carry its HTTP client. Safe from any thread.
class Debuginfod {
 public:
  // Null when urls is empty, or, with one line in the log, when libdebuginfod.so.1 is not installed.
  static std::unique_ptr<Debuginfod> start(const DebuginfodOptions& options);
  ~Debuginfod();
  Debuginfod(const Debuginfod&) = delete;
  Debuginfod& operator=(const Debuginfod&) = delete;

  // The path of the downloaded file; nullopt when it is not there: then it is fetched, once. What no server has, or
  // none sends, is not asked for again for an hour. build_id: lower-case hexadecimal.
  std::optional<std::string> find(const std::string& build_id);

  // Whether a download finished since the last call: answers given before may now be better.
  bool take_news();

 private:
  class Impl;
  explicit Debuginfod(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace stoker::symbolize
