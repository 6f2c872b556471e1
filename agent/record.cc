#include "agent/record.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <utility>

#include "agent/exit_code.h"
#include "agent/interrupts.h"
#include "agent/memory_use.h"
#include "agent/options.h"
#include "agent/profile_builder.h"
#include "agent/progress_line.h"
#include "agent/session.h"
#include "agent/targets.h"
#include "base/log.h"
#include "profile/top_table.h"
#include "profile/write_file.h"

namespace stoker::agent {
namespace {

constexpr int kProgressMs = 200;

int fail(const Error& error) {
  log::error("{}", error.message());
  return kFailure;
}

// One recording from its options to its files. Main thread.
class Recording {
 public:
  explicit Recording(const RecordOptions& options) : options_(options) {}

  int run();

 private:
  Result<> find_targets();
  Result<> start();
  void wait_for_end();
  std::string progress_text(Nanoseconds left) const;
  profile::Profile name_and_label(const Window& window);
  int deliver(const profile::Profile& profile);
  void explain_empty(const profile::Profile& profile) const;
  void print_accounting() const;

  const RecordOptions& options_;
  Interrupts interrupts_;
  std::vector<TargetProcess> targets_;
  std::optional<StartedCommand> command_;
  std::unique_ptr<Session> session_;
  StatTotals totals_;
};

Result<> Recording::find_targets() {
  for (const pid_t pid : options_.pids) {
    auto target = open_target(pid);
    if (!target) {
      return std::unexpected(target.error());
    }
    targets_.push_back(*std::move(target));
  }
  if (!options_.command.empty()) {
    auto command = StartedCommand::start(options_.command);
    if (!command) {
      return std::unexpected(command.error());
    }
    command_ = *std::move(command);
  }
  return {};
}

Result<> Recording::start() {
  SessionOptions session;
  session.sampler.frequency = options_.frequency;
  session.sampler.kernel_stacks = options_.kernel_stacks;
  for (const TargetProcess& target : targets_) {
    session.sampler.target_pids.push_back(target.pid);
  }
  if (command_) {
    session.sampler.target_pids.push_back(command_->pid());
  }
  if (!session.sampler.target_pids.empty()) {
    session.sampler.filter = FILTER_PIDS;
    session.sampler.follow_children = options_.children || command_.has_value();
  } else if (!options_.comm.empty()) {
    auto filter = comm_filter(options_.comm);
    if (!filter) {
      return std::unexpected(filter.error());
    }
    session.sampler.filter = FILTER_COMM;
    session.filter.comm = *std::move(filter);
  } else if (!options_.container.empty()) {
    session.sampler.filter = FILTER_PROCESS;
    session.filter.container = [id = options_.container](const discovery::ContainerId& container) {
      return container.id.starts_with(id);
    };
  }
  auto started = Session::start(std::move(session));
  if (!started) {
    return std::unexpected(started.error());
  }
  session_ = *std::move(started);
  if (options_.children) {
    // Those that were there before; forks since the program is attached are followed in the kernel.
    std::vector<pid_t> pids;
    std::ranges::transform(targets_, std::back_inserter(pids), &TargetProcess::pid);
    for (const pid_t pid : descendants(pids)) {
      session_->sampler().add_target(pid);
    }
  }
  if (!command_) {
    return {};
  }
  session_->wait_scanned();
  return command_->release();
}

std::string Recording::progress_text(Nanoseconds left) const {
  const Pipeline::Progress progress = session_->progress();
  return fmt::format(
      "{:5.1f} s left   {} samples   {} process{}   {} dropped   (Ctrl-C ends early and keeps them)",
      static_cast<double>(left.count()) / 1e9, progress.samples, progress.processes,
      progress.processes == 1 ? "" : "es", session_->stats().dropped());
}

void Recording::wait_for_end() {
  ProgressLine line;
  const MonotonicTime start = monotonic_now();
  const MonotonicTime end{start.ns + static_cast<std::uint64_t>(options_.duration.count())};
  while (true) {
    const MonotonicTime now = monotonic_now();
    if (now >= end || interrupts_.raised()) {
      return;
    }
    std::vector<pollfd> waiting{{interrupts_.fd(), POLLIN, 0}};
    if (command_) {
      waiting.push_back({command_->pidfd(), POLLIN, 0});
    }
    for (const TargetProcess& target : targets_) {
      waiting.push_back({target.pidfd.get(), POLLIN, 0});
    }
    const Nanoseconds left{static_cast<std::int64_t>(end.ns - now.ns)};
    const auto left_ms = static_cast<int>(left.count() / 1'000'000 + 1);
    ::poll(waiting.data(), waiting.size(), line.visible() ? std::min(left_ms, kProgressMs) : left_ms);
    std::erase_if(targets_, [&](const TargetProcess& target) {
      return std::ranges::any_of(waiting, [&](const pollfd& entry) {
        return entry.fd == target.pidfd.get() && (entry.revents & POLLIN) != 0;
      });
    });
    const bool command_ended = command_ && (waiting[1].revents & POLLIN) != 0;
    if (command_ended || (!options_.pids.empty() && targets_.empty())) {
      line.clear();
      log::info("{} ended after {}", command_ ? options_.command.front() : "the target",
                format_duration(Nanoseconds{static_cast<std::int64_t>(monotonic_now().ns - start.ns)}));
      return;
    }
    line.show(progress_text(left));
  }
}

profile::Profile Recording::name_and_label(const Window& window) {
  symbolize::Symbolizer symbolizer(options_.symbols);
  ProfileFacts facts;
  facts.frequency = options_.frequency;
  facts.event_name = session_->sampler().event_name();
  facts.comments.push_back(fmt::format("{} samples taken, {} delivered, {} dropped", totals_[STAT_taken],
                                       totals_[STAT_delivered], totals_.dropped()));
  const ProfileBuilder builder(facts);
  std::vector<TargetProfile> profiles = builder.build(NamedWindow(window, symbolizer), whole_target);
  if (const std::string hint = symbolizer.kernel_hint(); !hint.empty() && options_.kernel_stacks) {
    log::warning("{}", hint);
  }
  return profiles.empty() ? builder.empty(window) : std::move(profiles.front().profile);
}

void Recording::explain_empty(const profile::Profile& profile) const {
  if (!profile.samples().empty()) {
    return;
  }
  const std::string during = format_duration(profile.duration);
  if (!options_.pids.empty()) {
    log::warning("process {} used no CPU in {}: the profile is empty", fmt::join(options_.pids, ", "),
                 during);
  } else if (!options_.comm.empty()) {
    log::warning("no process whose name matches '{}' used CPU in {}: the profile is empty", options_.comm,
                 during);
  } else if (!options_.container.empty()) {
    log::warning("no process of container {} used CPU in {}: the profile is empty", options_.container,
                 during);
  } else {
    log::warning("nothing used CPU in {}: the profile is empty", during);
  }
}

void Recording::print_accounting() const {
  std::string reasons;
  for (int id = 0; id < STAT_COUNT; ++id) {
    const StatInfo& info = stat_info(static_cast<stat_id>(id));
    if (info.kind == StatKind::kDrop && totals_.values[static_cast<std::size_t>(id)] != 0) {
      reasons += fmt::format("{}{} {}", reasons.empty() ? ": " : ", ", info.name,
                             totals_.values[static_cast<std::size_t>(id)]);
    }
  }
  log::info("samples: {} taken = {} delivered + {} dropped{}", totals_[STAT_taken], totals_[STAT_delivered],
            totals_.dropped(), reasons);
}

int Recording::deliver(const profile::Profile& profile) {
  std::vector<std::string> outputs = options_.outputs;
  if (outputs.empty()) {
    outputs.emplace_back("profile.pb.gz");
  }
  int code = kSuccess;
  for (const std::string& path : outputs) {
    if (auto written = profile::write_profile_file(profile, path); !written) {
      code = fail(written.error());
    } else {
      log::info("wrote {}", path);
    }
  }
  if (options_.rows != 0) {
    const std::string table = profile::write_top_table(profile, {.value_index = {}, .rows = options_.rows});
    std::fwrite(table.data(), 1, table.size(), stdout);
    std::fflush(stdout);
  }
  return code;
}

int Recording::run() {
  if (auto found = find_targets(); !found) {
    return fail(found.error());
  }
  if (auto started = start(); !started) {
    return fail(started.error());
  }
  log::info("recording at {} Hz by {}", options_.frequency, session_->sampler().event_name());
  wait_for_end();
  const Window window = session_->stop();
  totals_ = session_->stats();
  if (command_) {
    if (const std::string status = interrupts_.raised() ? std::string() : command_->wait(); !status.empty()) {
      log::info("{} {}", options_.command.front(), status);
    }
  }
  const profile::Profile profile = name_and_label(window);
  explain_empty(profile);
  const int code = deliver(profile);
  print_accounting();
  return code;
}

}  // namespace

int record(const RecordOptions& options) {
  if (!options.comm.empty()) {
    if (const auto filter = comm_filter(options.comm); !filter) {
      log::error("--comm: {}", filter.error().message());
      return kUsage;
    }
  }
  for (const std::string& path : options.outputs) {
    if (auto format = profile::format_for(path); !format) {
      log::error("{}", format.error().message());
      return kUsage;
    }
  }
  const std::vector<std::string> fallback{"profile.pb.gz"};
  for (const std::string& path : options.outputs.empty() ? fallback : options.outputs) {
    if (auto usable = profile::check_destination(path); !usable) {
      return fail(usable.error());
    }
  }
  keep_memory_small();
  return Recording(options).run();
}

}  // namespace stoker::agent
