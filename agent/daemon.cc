#include "agent/daemon.h"

#include <fmt/format.h>
#include <poll.h>

#include <cerrno>
#include <cstdio>
#include <memory>
#include <optional>
#include <utility>

#include "agent/exit_code.h"
#include "agent/interrupts.h"
#include "agent/memory_use.h"
#include "agent/options.h"
#include "agent/profile_builder.h"
#include "agent/session.h"
#include "agent/stat_metrics.h"
#include "agent/window_loop.h"
#include "base/log.h"
#include "base/metrics.h"
#include "config/config.h"
#include "exporters/directory.h"
#include "exporters/pyroscope.h"
#include "web/server.h"

namespace stoker::agent {
namespace {

// The server's own flush limit plus a little: what is queued when the agent is told to end.
constexpr std::chrono::seconds kFlush{5};

int fail(const Error& error) {
  log::error("{}", error.message());
  return kFailure;
}

std::chrono::milliseconds to_ms(std::chrono::nanoseconds duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration);
}

Result<SessionOptions> session_options(const config::Config& config) {
  SessionOptions options;
  options.sampler.frequency = static_cast<int>(config.sampling.rate);
  options.sampler.kernel_stacks = config.sampling.kernel_stacks;
  options.table_budget = config.unwind.table_budget;
  if (!config.sampling.pids.empty()) {
    options.sampler.filter = FILTER_PIDS;
    options.sampler.follow_children = true;
    options.sampler.target_pids.assign(config.sampling.pids.begin(), config.sampling.pids.end());
  } else if (!config.sampling.comm.empty()) {
    auto filter = comm_filter(config.sampling.comm);
    if (!filter) {
      return make_error("sampling.comm", filter.error().message());
    }
    options.sampler.filter = FILTER_COMM;
    options.filter.comm = *std::move(filter);
  }
  return options;
}

exporters::PyroscopeExporter::Options push_options(const config::Config::Pyroscope& from) {
  exporters::PyroscopeExporter::Options options;
  options.target = {.url = from.url,
                    .tenant = from.tenant_id,
                    .username = from.username,
                    .password = from.password,
                    .password_file = from.password_file,
                    .bearer_token = from.bearer_token,
                    .bearer_token_file = from.bearer_token_file,
                    .headers = from.headers,
                    .timeout = to_ms(from.timeout),
                    .retry_on_429 = from.retry_on_429,
                    .ca_file = from.ca_file,
                    .insecure_skip_verify = from.insecure_skip_verify};
  options.queue.max_bytes = from.queue_size;
  options.queue.min_backoff = to_ms(from.min_backoff);
  options.queue.max_backoff = to_ms(from.max_backoff);
  options.queue.max_retries = static_cast<int>(from.max_retries);
  return options;
}

// All parts of a running agent. Made and ended on the main thread; deliver() runs on the `symbols` thread.
class Daemon {
 public:
  explicit Daemon(config::Config config) : config_(std::move(config)) {}

  Result<> start();
  void finish();

 private:
  Result<> start_outputs();
  void deliver(const Window& window);
  void push(const NamedWindow& named);
  void keep(const NamedWindow& named);

  const config::Config config_;
  metrics::Registry metrics_;
  std::optional<web::RecentStore> store_;
  std::unique_ptr<web::Server> server_;
  std::unique_ptr<exporters::PyroscopeExporter> pyroscope_;
  std::optional<exporters::DirectoryExporter> directory_;
  std::unique_ptr<Session> session_;
  std::optional<StatMetrics> stat_metrics_;
  std::optional<symbolize::Symbolizer> symbolizer_;
  std::optional<ProfileBuilder> builder_;
  std::unique_ptr<WindowLoop> loop_;
  std::atomic<bool> sampling_ = false;
};

Result<> Daemon::start_outputs() {
  if (!config_.pyroscope.url.empty()) {
    auto exporter = exporters::PyroscopeExporter::start(push_options(config_.pyroscope), metrics_);
    if (!exporter) {
      return std::unexpected(exporter.error());
    }
    pyroscope_ = *std::move(exporter);
    log::info("pushing to {}", config_.pyroscope.url);
  }
  if (!config_.output.directory.empty()) {
    auto directory = exporters::DirectoryExporter::open(
        {.directory = config_.output.directory,
         .max_bytes = config_.output.max_size,
         .max_age = std::chrono::duration_cast<std::chrono::seconds>(config_.output.max_age)},
        metrics_);
    if (!directory) {
      return std::unexpected(directory.error());
    }
    directory_.emplace(*std::move(directory));
    log::info("writing profiles to {}", config_.output.directory);
  }
  if (config_.web.enabled) {
    store_.emplace(web::RecentStore::Options{.max_bytes = config_.web.memory, .max_age = config_.web.keep});
    const auto ready = [this]() -> Result<> {
      return sampling_ ? Result<>{} : make_error("sampling has not started yet");
    };
    auto server = web::Server::start({.listen = config_.web.listen, .ready = ready}, *store_, metrics_);
    if (!server) {
      return std::unexpected(server.error());
    }
    server_ = *std::move(server);
    log::info("flame graph at {}", server_->url());
  }
  return {};
}

Result<> Daemon::start() {
  auto options = session_options(config_);
  if (!options) {
    return std::unexpected(options.error());
  }
  if (auto started = start_outputs(); !started) {
    return started;
  }
  auto session = Session::start(*std::move(options));
  if (!session) {
    return std::unexpected(session.error());
  }
  session_ = *std::move(session);
  stat_metrics_.emplace(metrics_, *session_);
  symbolize::Options symbols = symbol_options({.demangle = config_.symbols.demangle,
                                               .strip_suffixes = config_.symbols.strip_suffixes,
                                               .debuginfod = config_.symbols.debuginfod});
  symbols.memory_budget = config_.symbols.memory_budget;
  symbols.debuginfod.cache = config_.symbols.debuginfod_cache;
  symbolizer_.emplace(std::move(symbols));
  ProfileFacts facts;
  facts.frequency = static_cast<int>(config_.sampling.rate);
  facts.event_name = session_->sampler().event_name();
  builder_.emplace(facts);
  if (const std::string hint = symbolizer_->kernel_hint(); !hint.empty() && config_.sampling.kernel_stacks) {
    log::warning("{}", hint);
  }
  loop_ = std::make_unique<WindowLoop>(*session_, config_.sampling.interval,
                                       [this](const Window& window) { deliver(window); });
  sampling_ = true;
  log::info("sampling at {} Hz by {}, a profile every {:.0f} s", facts.frequency, facts.event_name,
            static_cast<double>(config_.sampling.interval.count()) / 1e9);
  return {};
}

void Daemon::finish() {
  loop_.reset();
  if (pyroscope_ != nullptr) {
    pyroscope_->shutdown(kFlush);
  }
  const StatTotals totals = session_->stats();
  log::info("samples: {} taken = {} delivered + {} dropped", totals[STAT_taken], totals[STAT_delivered],
            totals.dropped());
  server_.reset();  // before the metrics that it shows
}

void Daemon::deliver(const Window& window) {
  const NamedWindow named(window, *symbolizer_);
  symbolizer_->rest();
  if (pyroscope_ != nullptr) {
    push(named);
  }
  if (store_ || directory_) {
    keep(named);
  }
}

// One profile per process name and container: pids would be a series each on the server.
void Daemon::push(const NamedWindow& named) {
  std::vector<TargetProfile> targets =
      builder_->build(named, [](const SampledProcess& process, std::string_view) {
        return Target{process.comm + '\0' + process.container.id, {}};
      });
  std::vector<exporters::Series> series;
  for (TargetProfile& target : targets) {
    const SampledProcess& process = named.window().processes[target.processes.front()];
    exporters::Labels labels{{"__name__", "process_cpu"}, {"service_name", process.comm}};
    if (!process.container.id.empty()) {
      labels.emplace_back("container_id", process.container.id);
    }
    labels.insert(labels.end(), config_.labels.begin(), config_.labels.end());
    series.push_back({std::move(labels), std::make_shared<profile::Profile>(std::move(target.profile))});
  }
  pyroscope_->push(std::move(series));
}

void Daemon::keep(const NamedWindow& named) {
  std::vector<TargetProfile> whole = builder_->build(named, whole_target);
  if (whole.empty()) {
    return;
  }
  if (store_) {
    if (auto added = store_->add(whole.front().profile); !added) {
      log::warning("{}", added.error().message());
    }
  }
  if (directory_) {
    if (auto written = directory_->write(whole.front().profile); !written) {
      log::warning("{}", written.error().message());
    }
  }
}

Result<config::Config> load_config(const std::string& file) {
  return file.empty() ? config::parse("", "defaults") : config::load(file);
}

}  // namespace

int run_daemon(const DaemonOptions& options) {
  auto config = load_config(options.config_file);
  if (!config) {
    return fail(config.error());
  }
  log::configure(log::Style::kDaemon, log_level(config->log.level));
  keep_memory_small();
  const Interrupts interrupts;
  Daemon daemon(*std::move(config));
  if (auto started = daemon.start(); !started) {
    return fail(started.error());
  }
  pollfd waiting{interrupts.fd(), POLLIN, 0};
  while (::poll(&waiting, 1, -1) < 0 && errno == EINTR) {
  }
  log::info("ending");
  daemon.finish();
  return kSuccess;
}

int check_config(const std::string& file) {
  if (auto config = config::load(file); !config) {
    return fail(config.error());
  }
  std::fputs(fmt::format("{}: no mistakes\n", file).c_str(), stdout);
  return kSuccess;
}

}  // namespace stoker::agent
