#include "exporters/directory.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <ctime>
#include <filesystem>
#include <optional>
#include <string_view>
#include <utility>

#include "profile/write_file.h"

namespace stoker::exporters {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "stoker-";
constexpr std::string_view kSuffix = "Z.pb.gz";
constexpr std::int64_t kSecond = 1'000'000'000;

std::string file_name(WallTime time) {
  const std::time_t seconds = time.ns / kSecond;
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  return fmt::format("{}{:04}{:02}{:02}T{:02}{:02}{:02}.{:09}{}", kPrefix, utc.tm_year + 1900, utc.tm_mon + 1,
                     utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, time.ns % kSecond, kSuffix);
}

// The inverse of file_name; nullopt when it is not one of ours.
std::optional<WallTime> time_of(std::string_view name) {
  if (name.size() != kPrefix.size() + 25 + kSuffix.size()) {
    return std::nullopt;
  }
  bool digits = true;
  const auto number = [&](std::size_t at, std::size_t length) {
    int value = 0;
    const char* begin = name.data() + kPrefix.size() + at;
    const auto [stop, error] = std::from_chars(begin, begin + length, value);
    digits = digits && error == std::errc() && stop == begin + length && *begin != '-';
    return value;
  };
  std::tm utc{};
  utc.tm_year = number(0, 4) - 1900;
  utc.tm_mon = number(4, 2) - 1;
  utc.tm_mday = number(6, 2);
  utc.tm_hour = number(9, 2);
  utc.tm_min = number(11, 2);
  utc.tm_sec = number(13, 2);
  const int fraction = number(16, 9);
  const WallTime time{::timegm(&utc) * kSecond + fraction};
  return digits && file_name(time) == name ? std::optional(time) : std::nullopt;
}

}  // namespace

DirectoryExporter::DirectoryExporter(Options options, metrics::Registry& registry)
    : options_(std::move(options)),
      written_(registry.counter("stoker_output_files_written_total", "Profiles written as files.")),
      failed_(registry.counter("stoker_output_files_failed_total",
                               "Profiles lost because a file could not be written.")),
      removed_(registry.counter("stoker_output_files_removed_total",
                                "Files removed for their age or the size of all.")),
      used_(registry.gauge("stoker_output_bytes", "Size of all profile files in the output directory.")) {}

Result<DirectoryExporter> DirectoryExporter::open(Options options, metrics::Registry& registry) {
  DirectoryExporter exporter(std::move(options), registry);
  const std::string probe = fs::path(exporter.options_.directory) / file_name({0});
  if (auto writable = profile::check_destination(probe); !writable) {
    return std::unexpected(std::move(writable.error()));
  }
  if (auto found = exporter.find_files(); !found) {
    return std::unexpected(std::move(found.error()));
  }
  return exporter;
}

Result<> DirectoryExporter::find_files() {
  std::error_code error;
  fs::directory_iterator entries(options_.directory, error);
  for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
    const auto time = time_of(entries->path().filename().native());
    std::error_code skip;
    if (time && fs::is_regular_file(entries->symlink_status(skip))) {
      const std::uint64_t bytes = entries->file_size(skip);
      files_.push_back({.name = entries->path().filename(), .time = *time, .bytes = skip ? 0 : bytes});
      bytes_ += files_.back().bytes;
    }
  }
  if (error) {
    return system_error("cannot list " + options_.directory, error.value());
  }
  std::ranges::sort(files_, {}, &File::name);
  used_.set(static_cast<double>(bytes_));
  return {};
}

Result<> DirectoryExporter::write(const profile::Profile& window, WallTime now) {
  const std::string name = file_name(window.time);
  const fs::path path = fs::path(options_.directory) / name;
  auto bytes = profile::write_profile(window, profile::Format::kPprof, "");
  Result<> done = bytes ? profile::write_file_whole(path, *bytes) : std::unexpected(bytes.error());
  if (!done) {
    failed_.add();
    return done;
  }
  written_.add();
  // A window of the same time replaces the file.
  std::erase_if(files_, [&](const File& file) {
    bytes_ -= file.name == name ? file.bytes : 0;
    return file.name == name;
  });
  const auto place = std::ranges::upper_bound(files_, name, {}, &File::name);
  files_.insert(place, {.name = name, .time = window.time, .bytes = bytes->size()});
  bytes_ += bytes->size();
  remove_surplus(now);
  used_.set(static_cast<double>(bytes_));
  return {};
}

void DirectoryExporter::remove_surplus(WallTime now) {
  const std::int64_t oldest = now.ns - std::chrono::nanoseconds(options_.max_age).count();
  while (files_.size() > 1 && (bytes_ > options_.max_bytes || files_.front().time.ns < oldest)) {
    // What somebody else removed or protects is no longer ours to count.
    if (::unlink((fs::path(options_.directory) / files_.front().name).c_str()) == 0) {
      removed_.add();
    }
    bytes_ -= files_.front().bytes;
    files_.pop_front();
  }
}

}  // namespace stoker::exporters
