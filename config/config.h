// The agent's configuration: YAML in, one validated immutable struct out.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace stoker::config {

using TextMap = std::vector<std::pair<std::string, std::string>>;  // in the file's order, names distinct

// Defaults, ranges and a sentence for each field: config/keys.cc. Made by parse() and load() only.
struct Config {
  struct Sampling {
    std::int64_t rate = 0;  // samples a second and CPU
    std::chrono::nanoseconds interval{0};
    bool kernel_stacks = false;
    std::vector<std::int64_t> pids;  // empty: all processes
    std::string comm;                // RE2, "" for all

    bool operator==(const Sampling&) const = default;
  } sampling;

  TextMap labels;

  struct Pyroscope {
    std::string url;  // "": nothing is pushed
    std::string tenant_id;
    std::string username;
    std::string password;
    std::string password_file;
    std::string bearer_token;
    std::string bearer_token_file;
    TextMap headers;
    std::chrono::nanoseconds timeout{0};
    std::chrono::nanoseconds min_backoff{0};
    std::chrono::nanoseconds max_backoff{0};
    std::int64_t max_retries = 0;  // 0: for ever
    bool retry_on_429 = false;
    std::uint64_t queue_size = 0;  // bytes
    std::string ca_file;
    bool insecure_skip_verify = false;

    bool operator==(const Pyroscope&) const = default;
  } pyroscope;

  struct Web {
    bool enabled = false;
    std::string listen;  // host:port
    std::chrono::nanoseconds keep{0};
    std::uint64_t memory = 0;  // bytes

    bool operator==(const Web&) const = default;
  } web;

  struct Output {
    std::string directory;  // "": no files
    std::uint64_t max_size = 0;
    std::chrono::nanoseconds max_age{0};

    bool operator==(const Output&) const = default;
  } output;

  struct Log {
    std::string level;  // debug, info, warning, error

    bool operator==(const Log&) const = default;
  } log;

  struct Symbols {
    std::string demangle;  // none, simplified, templates, full
    bool strip_suffixes = false;
    bool debuginfod = false;
    std::string debuginfod_cache;  // "": the library's choice
    std::uint64_t memory_budget = 0;

    bool operator==(const Symbols&) const = default;
  } symbols;

  struct Unwind {
    std::uint64_t table_budget = 0;

    bool operator==(const Unwind&) const = default;
  } unwind;

  bool operator==(const Config&) const = default;
};

// text: a YAML document; empty gives the defaults. name begins each error: "name:line:column: what is wrong; what
// is allowed". The first error ends it.
Result<Config> parse(std::string_view text, const std::string& name);

// At most 1 MiB.
Result<Config> load(const std::string& path);

}  // namespace stoker::config
