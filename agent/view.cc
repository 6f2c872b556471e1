#include "agent/view.h"

#include <fmt/format.h>
#include <poll.h>

#include <cerrno>
#include <cstdio>

#include "agent/exit_code.h"
#include "agent/interrupts.h"
#include "agent/read_profile.h"
#include "base/log.h"
#include "base/metrics.h"
#include "profile/html.h"
#include "web/recent_store.h"
#include "web/server.h"

namespace stoker::agent {

int view(const ViewOptions& options) {
  const auto profile = read_profile(options.file);
  if (!profile) {
    log::error("{}", profile.error().message());
    return kFailure;
  }
  const Interrupts interrupts;
  const web::RecentStore nothing({});
  const metrics::Registry metrics;
  const auto server = web::Server::start(
      {.listen = options.listen, .page = profile::write_html(*profile, {.title = options.file}), .ready = {}},
      nothing, metrics);
  if (!server) {
    log::error("{}", server.error().message());
    return kFailure;
  }
  std::fputs(fmt::format("{} is at {} until Ctrl-C\n", options.file, (*server)->url()).c_str(), stdout);
  std::fflush(stdout);
  pollfd waiting{interrupts.fd(), POLLIN, 0};
  while (::poll(&waiting, 1, -1) < 0 && errno == EINTR) {
  }
  return kSuccess;
}

}  // namespace stoker::agent
