#include "agent/symbolize_profile.h"

#include "agent/exit_code.h"
#include "agent/read_profile.h"
#include "base/log.h"
#include "profile/write_file.h"
#include "symbolize/finish_profile.h"

namespace stoker::agent {
namespace {

int fail(const Error& error) {
  log::error("{}", error.message());
  return kFailure;
}

}  // namespace

int symbolize_profile(const SymbolizeProfileOptions& options) {
  if (auto format = profile::format_for(options.output); !format) {
    log::error("{}", format.error().message());
    return kUsage;
  }
  const auto profile = read_profile(options.profile);
  if (!profile) {
    return fail(profile.error());
  }
  if (auto good = profile::check_destination(options.output); !good) {
    return fail(good.error());
  }
  symbolize::Symbolizer symbolizer(options.symbols);
  const auto debuginfod = symbolize::Debuginfod::start(options.symbols.debuginfod);
  symbolize::BinaryFinder files(options.symbols.debug_directories, debuginfod.get());
  const symbolize::FinishedProfile finished = symbolize::finish_profile(*profile, files, symbolizer);
  for (const Error& missing : finished.missing) {
    log::warning("{}", missing.message());
  }
  if (auto written = profile::write_profile_file(finished.profile, options.output); !written) {
    return fail(written.error());
  }
  log::info("named {} of {} locations without names; wrote {}", finished.named,
            finished.named + finished.unnamed, options.output);
  return kSuccess;
}

}  // namespace stoker::agent
