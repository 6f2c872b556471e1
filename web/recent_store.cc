#include "web/recent_store.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "base/log.h"
#include "profile/merge.h"
#include "profile/pprof_reader.h"
#include "profile/pprof_writer.h"

namespace stoker::web {
namespace {

// What a window takes beside its pprof.
constexpr std::size_t kOverhead = 256;

std::string process_of(const profile::Profile& profile, profile::LabelSetId labels) {
  if (!profile.label_sets().contains(labels)) {
    return {};
  }
  const profile::LabelSet& set = profile.label_sets().at(labels);
  const auto found = std::ranges::find(set, "process", &profile::Label::key);
  return found == set.end() ? std::string() : found->text;
}

using Values = std::map<std::string, std::int64_t>;

std::vector<std::pair<std::string, std::int64_t>> largest_first(const Values& values) {
  std::vector<std::pair<std::string, std::int64_t>> sorted(values.begin(), values.end());
  std::ranges::stable_sort(sorted, std::ranges::greater(), &std::pair<std::string, std::int64_t>::second);
  return sorted;
}

Values values_by_process(const profile::Profile& profile) {
  Values values;
  const std::size_t index = profile.default_value_index();
  for (const profile::Sample& sample : profile.samples()) {
    values[process_of(profile, sample.labels)] += sample.values[index];
  }
  return values;
}

profile::Profile empty_profile() {
  profile::Profile empty;
  empty.sample_types = {{"samples", "count"}, {"cpu", "nanoseconds"}};
  empty.period_type = {"cpu", "nanoseconds"};
  empty.default_sample_type = "cpu";
  return empty;
}

}  // namespace

Result<> RecentStore::add(const profile::Profile& window) {
  auto pprof = profile::write_pprof(window, {.level = 6});
  if (!pprof) {
    return std::unexpected(std::move(pprof.error()));
  }
  auto made = std::make_shared<Window>();
  made->end = {window.time.ns + window.duration.count()};
  made->pprof = std::move(*pprof);
  made->pprof.shrink_to_fit();
  made->processes = largest_first(values_by_process(window));

  const std::lock_guard lock(mutex_);
  bytes_ += made->pprof.size() + kOverhead;
  windows_.push_back(std::move(made));
  ++generation_;
  drop_old();
  return {};
}

void RecentStore::drop_old() {
  const std::int64_t oldest = windows_.back()->end.ns - options_.max_age.count();
  while (!windows_.empty() && (bytes_ > options_.max_bytes || windows_.front()->end.ns <= oldest)) {
    bytes_ -= windows_.front()->pprof.size() + kOverhead;
    windows_.pop_front();
  }
}

std::vector<RecentStore::WindowRef> RecentStore::since(WallTime time) const {
  std::vector<WindowRef> found;
  const std::lock_guard lock(mutex_);
  std::ranges::copy_if(windows_, std::back_inserter(found),
                       [&](const WindowRef& w) { return w->end > time; });
  return found;
}

profile::Profile RecentStore::merged(WallTime since_time, const std::string& process) const {
  profile::Profile all;
  for (const WindowRef& window : since(since_time)) {
    if (!process.empty() &&
        std::ranges::find(window->processes, process, &std::pair<std::string, std::int64_t>::first) ==
            window->processes.end()) {
      continue;
    }
    auto read = profile::read_pprof(as_bytes(window->pprof), "kept window");
    if (read && !process.empty()) {
      *read = profile::filter(
          *read, [&](const profile::Sample& sample) { return process_of(*read, sample.labels) == process; });
    }
    const Result<> added = read ? profile::merge(all, *read) : std::unexpected(read.error());
    if (!added) {
      log::debug("a kept window is left out: {}", added.error().message());
    }
  }
  return all.sample_types.empty() ? empty_profile() : std::move(all);
}

std::vector<std::pair<std::string, std::int64_t>> RecentStore::processes(WallTime since_time) const {
  Values values;
  for (const WindowRef& window : since(since_time)) {
    for (const auto& [process, value] : window->processes) {
      values[process] += value;
    }
  }
  values.erase("");
  return largest_first(values);
}

std::uint64_t RecentStore::generation() const {
  const std::lock_guard lock(mutex_);
  return generation_;
}

std::size_t RecentStore::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

std::size_t RecentStore::windows() const {
  const std::lock_guard lock(mutex_);
  return windows_.size();
}

}  // namespace stoker::web
