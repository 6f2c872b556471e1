#include "agent/command_line.h"

#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <functional>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "agent/daemon.h"
#include "agent/doctor.h"
#include "agent/exit_code.h"
#include "agent/options.h"
#include "agent/record.h"
#include "agent/report.h"
#include "agent/symbolize_command.h"
#include "agent/symbolize_profile.h"
#include "agent/version.h"
#include "agent/view.h"
#include "base/log.h"

namespace stoker::agent {
namespace {

// Turns a checked parser into CLI11's form of a check, which wants a message or nothing.
template <typename Parse>
CLI::Validator validator(Parse parse, const std::string& shown) {
  return CLI::Validator(
      [parse](const std::string& text) {
        const auto parsed = parse(text);
        return parsed ? std::string() : parsed.error().message();
      },
      shown);
}

// CLI11's own words for wrong names and numbers are for programmers.
CLI::Validator one_of(const std::vector<std::string>& names) {
  return CLI::Validator(
      [names](const std::string& text) {
        return std::ranges::find(names, text) != names.end()
                   ? std::string()
                   : fmt::format("'{}' is none of {}", text, fmt::join(names, ", "));
      },
      "NAME");
}

CLI::Validator pid_validator() {
  return CLI::Validator(
      [](const std::string& text) {
        pid_t pid = 0;
        const auto [rest, status] = std::from_chars(text.data(), text.data() + text.size(), pid);
        return status == std::errc{} && rest == text.data() + text.size() && pid > 0
                   ? std::string()
                   : fmt::format("bad process id '{}'; give a positive number such as 1234", text);
      },
      "PID");
}

CLI::Validator not_empty(const std::string& what) {
  return CLI::Validator(
      [what](const std::string& text) { return text.empty() ? "is empty; give " + what : std::string(); },
      "TEXT");
}

const std::vector<std::string> kLevels{"debug", "info", "warning", "error"};
const std::vector<std::string> kDemangleNames{"none", "simplified", "templates", "full"};

// Everything behind a lone "--" is a command of its own, whose options are not ours.
std::vector<std::string> split_off_command(std::vector<std::string>& arguments) {
  const auto dashes = std::ranges::find(arguments, "--");
  if (dashes == arguments.end()) {
    return {};
  }
  std::vector<std::string> command(dashes + 1, arguments.end());
  arguments.erase(dashes, arguments.end());
  return command;
}

class CommandLine {
 public:
  CommandLine() {
    app_.require_subcommand(1);
    app_.set_help_flag("-h,--help", "Show this help");
    app_.add_option("--log-level", log_level_, "debug, info, warning or error")->check(one_of(kLevels));
    app_.fallthrough();
    add_record();
    add_run();
    add_files();
    add_symbolize();
    add_doctor();
    add_config();
    add_version();
  }

  int run(std::vector<std::string> arguments) {
    const std::string first = arguments.empty() ? std::string() : arguments.front();
    command_ = split_off_command(arguments);
    const bool separator = !command_.empty();
    try {
      std::ranges::reverse(arguments);  // CLI11 takes them from the back
      app_.parse(arguments);
    } catch (const CLI::Success&) {
      std::cout << (app_.get_subcommands().empty() ? app_.help() : app_.get_subcommands().front()->help());
      return kSuccess;
    } catch (const CLI::ParseError& error) {
      const auto chosen = app_.get_subcommands();
      // CLI11 only says that a command is required.
      if (chosen.empty() && !first.empty() && dynamic_cast<const CLI::RequiredError*>(&error) != nullptr) {
        return usage(fmt::format("unknown command or option '{}'", first), "");
      }
      const std::string which = chosen.empty() ? "" : chosen.front()->get_name() + " ";
      return usage(error.what(), which);
    }
    configure_log();
    if (separator && app_.get_subcommands().front()->get_name() != "record") {
      return usage("only record takes a command behind --", "");
    }
    return action_();
  }

 private:
  static int usage(const std::string& what, const std::string& command) {
    std::string line = what;
    std::ranges::replace(line, '\n', ' ');
    log::error("{}; see `agent {}--help`", line, command);
    return kUsage;
  }

  void configure_log() const {
    const bool daemon = app_.get_subcommands().front()->get_name() == "run";
    log::configure(daemon ? log::Style::kDaemon : log::Style::kPlain, agent::log_level(log_level_));
  }

  void add_record();
  void add_run();
  void add_files();
  void add_symbolize();
  void add_doctor();
  void add_config();
  void add_version();
  void add_symbol_options(CLI::App* app);

  CLI::App app_{"Stoker: what is this machine's CPU time spent on?", "agent"};
  std::string log_level_ = "info";
  std::vector<std::string> command_;
  std::function<int()> action_;
  RecordOptions record_;
  DaemonOptions run_;
  ReportOptions report_;
  DiffOptions diff_;
  ViewOptions view_;
  SymbolizeOptions symbolize_;
  SymbolizeProfileOptions finish_;
  std::string config_file_;
  std::string duration_ = "10s";
  std::string frequency_ = "97";
  std::string event_ = "cpu";
  SymbolSwitches symbols_;
};

void CommandLine::add_symbol_options(CLI::App* app) {
  app->add_option("--demangle", symbols_.demangle, "none, simplified, templates or full")
      ->check(one_of(kDemangleNames))
      ->capture_default_str();
  app->add_flag("--strip-suffixes", symbols_.strip_suffixes,
                "Leave out what compilers append to names of copies and parts: .cold, .part.0 …");
  app->add_flag("--debuginfod", symbols_.debuginfod,
                "Ask the servers in DEBUGINFOD_URLS for missing debug files");
}

void CommandLine::add_record() {
  CLI::App* record_app =
      app_.add_subcommand("record",
                          "Profile processes now, and write the result:\n"
                          "  agent record --pid N… | --comm RE | --container ID | --all | -- COMMAND ARGS…");
  auto* pid =
      record_app->add_option("-p,--pid", record_.pids, "Process (or thread) ids, with all their threads")
          ->delimiter(',')
          ->check(pid_validator());
  auto* comm =
      record_app->add_option("--comm", record_.comm, "Processes whose name matches this regular expression")
          ->check(not_empty("a regular expression"));
  auto* container = record_app
                        ->add_option("--container", record_.container,
                                     "Processes of the container with this id (or its start)")
                        ->check(not_empty("the first characters of a container's id"));
  auto* all = record_app->add_flag("-a,--all", record_.all, "The whole host");
  record_app->add_flag("--children", record_.children, "With --pid: descendants too, also future ones")
      ->needs(pid);
  record_app->add_option("-d,--duration", duration_, "How long, such as 30s, 500ms, 2m")
      ->check(validator(parse_duration, "DURATION"))
      ->capture_default_str();
  record_app->add_option("-F,--frequency", frequency_, "Samples a second on each CPU")
      ->check(validator(parse_frequency, "HZ"))
      ->capture_default_str();
  record_app->add_option("--event", event_, "What to sample")->check(one_of({"cpu"}))->capture_default_str();
  record_app->add_option(
      "-o,--output", record_.outputs,
      "File, format by its ending: .pb.gz .html .folded .speedscope.json .svg; may be repeated");
  add_symbol_options(record_app);
  record_app->add_flag("!--no-kernel", record_.kernel_stacks, "Leave kernel frames out");
  record_app->add_option("--top", record_.rows, "Rows of the table on stdout, 0 for none")
      ->capture_default_str();
  record_app->callback([this, pid, comm, container, all] {
    const auto given = pid->count() != 0;
    const int kinds = static_cast<int>(given) + static_cast<int>(comm->count() != 0) +
                      static_cast<int>(container->count() != 0) + static_cast<int>(all->count() != 0) +
                      static_cast<int>(!command_.empty());
    if (kinds != 1) {
      throw CLI::ValidationError(kinds == 0 ? "say what to record" : "these exclude each other",
                                 "one of --pid, --comm, --container, --all or -- COMMAND");
    }
    record_.command = command_;
    record_.duration = *parse_duration(duration_);
    record_.frequency = *parse_frequency(frequency_);
    action_ = [this] {
      record_.symbols = symbol_options(symbols_);
      return record(record_);
    };
  });
}

void CommandLine::add_run() {
  CLI::App* run_app = app_.add_subcommand("run", "Profile the whole host for as long as it runs");
  run_app->add_option("-c,--config", run_.config_file,
                      "YAML file; without one: page on 127.0.0.1:4141, no server");
  run_app->callback([this] { action_ = [this] { return run_daemon(run_); }; });
}

void CommandLine::add_files() {
  CLI::App* report_app = app_.add_subcommand("report", "Show a profile's functions, most expensive first");
  report_app->add_option("FILE", report_.file, "A pprof file, such as profile.pb.gz")->required();
  report_app->add_flag("--cum", report_.by_cum, "Order by what a function and its callees cost");
  report_app->add_option("--top", report_.rows, "Rows, 0 for all")->capture_default_str();
  report_app->callback([this] { action_ = [this] { return report(report_); }; });

  CLI::App* view_app = app_.add_subcommand("view", "Show a profile's flame graph in a browser");
  view_app->add_option("FILE", view_.file, "A pprof file")->required();
  view_app->add_option("--listen", view_.listen, "Address; port 0 takes a free one")->capture_default_str();
  view_app->callback([this] { action_ = [this] { return view(view_); }; });

  CLI::App* diff_app = app_.add_subcommand("diff", "Show what one profile has more or less than another");
  diff_app->add_option("BEFORE", diff_.before, "A pprof file")->required();
  diff_app->add_option("AFTER", diff_.after, "A pprof file")->required();
  diff_app->add_option("-o,--output", diff_.output, "File, format by its ending; without it: a table");
  diff_app->add_option("--top", diff_.rows, "Rows, 0 for all")->capture_default_str();
  diff_app->callback([this] { action_ = [this] { return diff(diff_); }; });
}

void CommandLine::add_symbolize() {
  CLI::App* symbolize_app =
      app_.add_subcommand("symbolize",
                          "Name addresses of one file, or finish a profile that was taken without names:\n"
                          "  agent symbolize FILE ADDRESS… | agent symbolize PROFILE.pb.gz -o OUT.pb.gz");
  symbolize_app->add_option("FILE", symbolize_.file, "An ELF file, or with -o a pprof file")->required();
  auto* addresses = symbolize_app->add_option("ADDRESS", symbolize_.addresses,
                                              "Hex ELF addresses; without any: one a line from stdin");
  auto* json =
      symbolize_app->add_flag("--json", symbolize_.json, "One JSON object a line, frames innermost first");
  symbolize_app
      ->add_option("-o,--output", finish_.output,
                   "The profile FILE with names, format by its ending as with record")
      ->excludes(addresses)
      ->excludes(json);
  add_symbol_options(symbolize_app);
  symbolize_app->callback([this] {
    action_ = [this] {
      symbolize::Options symbols = symbol_options(symbols_);
      symbols.debuginfod.wait = true;
      symbols.memory_budget = std::uint64_t{4} << 30;  // one file at a time, and then it ends
      if (finish_.output.empty()) {
        symbolize_.symbols = std::move(symbols);
        return symbolize_file(symbolize_);
      }
      finish_.profile = symbolize_.file;
      finish_.symbols = std::move(symbols);
      return symbolize_profile(finish_);
    };
  });
}

void CommandLine::add_doctor() {
  app_.add_subcommand("doctor", "Check what the agent needs from this host")->callback([this] {
    action_ = doctor;
  });
}

void CommandLine::add_config() {
  CLI::App* config_app = app_.add_subcommand("config", "Work with configuration files");
  config_app->require_subcommand(1);
  CLI::App* check_app =
      config_app->add_subcommand("check", "Say what is wrong with a configuration file, if anything");
  check_app->add_option("FILE", config_file_, "YAML")->required();
  check_app->callback([this] { action_ = [this] { return check_config(config_file_); }; });
}

void CommandLine::add_version() {
  app_.add_subcommand("version", "Show the version")->callback([this] {
    action_ = [] {
      std::cout << "agent " << kVersion << "\n";
      return kSuccess;
    };
  });
}

}  // namespace

int run_command_line(int argc, char** argv) {
  CommandLine line;
  return line.run({argv + 1, argv + argc});
}

}  // namespace stoker::agent
