#include "agent/report.h"

#include <cstdio>

#include "agent/exit_code.h"
#include "agent/read_profile.h"
#include "base/log.h"
#include "profile/merge.h"
#include "profile/top_table.h"
#include "profile/write_file.h"

namespace stoker::agent {
namespace {

int fail(const Error& error) {
  log::error("{}", error.message());
  return kFailure;
}

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

}  // namespace

int report(const ReportOptions& options) {
  const auto profile = read_profile(options.file);
  if (!profile) {
    return fail(profile.error());
  }
  print(profile::write_top_table(*profile,
                                 {.value_index = {}, .rows = options.rows, .by_cum = options.by_cum}));
  return kSuccess;
}

int diff(const DiffOptions& options) {
  if (!options.output.empty()) {
    if (auto format = profile::format_for(options.output); !format) {
      log::error("{}", format.error().message());
      return kUsage;
    }
  }
  const auto before = read_profile(options.before);
  if (!before) {
    return fail(before.error());
  }
  const auto after = read_profile(options.after);
  if (!after) {
    return fail(after.error());
  }
  const auto difference = profile::diff(*before, *after);
  if (!difference) {
    return fail(difference.error());
  }
  if (options.output.empty()) {
    print(profile::write_top_table(*difference, {.value_index = {}, .rows = options.rows}));
    return kSuccess;
  }
  if (auto written = profile::write_profile_file(*difference, options.output, "Difference"); !written) {
    return fail(written.error());
  }
  log::info("wrote {}", options.output);
  return kSuccess;
}

}  // namespace stoker::agent
