#include "profile/top_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <string_view>
#include <tuple>
#include <unordered_map>

#include "profile/format_value.h"
#include "profile/text.h"

namespace stoker::profile {
namespace {

// Gives each name of a location a row number.
class Rows {
 public:
  explicit Rows(const Profile& profile) : profile_(profile), of_location_(profile.locations().size() + 1) {}

  // Row numbers of a location's lines, innermost first.
  const std::vector<std::uint32_t>& of(LocationId id) {
    std::vector<std::uint32_t>& numbers = of_location_[id];
    if (numbers.empty()) {
      const Location& location = profile_.locations().at(id);
      for (std::size_t i = 0; i < std::max<std::size_t>(location.lines.size(), 1); ++i) {
        numbers.push_back(number_of(frame_name(profile_, location, i)));
      }
    }
    return numbers;
  }

  std::vector<TopRow> rows;

 private:
  std::uint32_t number_of(std::string name) {
    const auto [found, is_new] = known_.try_emplace(std::move(name), static_cast<std::uint32_t>(rows.size()));
    if (is_new) {
      rows.push_back({found->first});
    }
    return found->second;
  }

  const Profile& profile_;
  std::vector<std::vector<std::uint32_t>> of_location_;
  std::unordered_map<std::string, std::uint32_t> known_;
};

// What is 100%: of a difference the sum of what changed, as up and down would cancel out.
std::int64_t whole(const Profile& profile, std::size_t index) {
  std::int64_t sum = 0;
  for (const Sample& sample : profile.samples()) {
    if (index < sample.values.size()) {
      __builtin_add_overflow(sum, std::abs(sample.values[index]), &sum);
    }
  }
  return sum;
}

std::string one_line(std::string_view name) {
  std::string text = valid_utf8(name);
  std::ranges::replace_if(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return text;
}

void write_header(std::string& out, const Profile& profile, const ValueType& type, std::int64_t total) {
  auto to = std::back_inserter(out);
  if (profile.mappings().size() != 0) {
    const std::string& path = profile.mappings().at(1).path;
    fmt::format_to(to, "File: {}\n", one_line(std::string_view(path).substr(path.rfind('/') + 1)));
  }
  fmt::format_to(to, "Type: {}\n", one_line(type.type));
  if (profile.time.ns != 0) {
    fmt::format_to(to, "Time: {}\n", format_time(profile.time));
  }
  const std::string sum = format_value(total, type.unit);
  if (profile.duration.count() == 0) {
    fmt::format_to(to, "Total samples = {}\n", sum);
    return;
  }
  fmt::format_to(to, "Duration: {}, Total samples = {}",
                 format_value(profile.duration.count(), "nanoseconds"), sum);
  if (type.unit == "nanoseconds") {
    const std::string share = format_percent(total, profile.duration.count());
    fmt::format_to(to, " ({})", std::string_view(share).substr(share.find_first_not_of(' ')));
  }
  out += '\n';
}

}  // namespace

std::vector<TopRow> top_rows(const Profile& profile, const TopOptions& options) {
  const std::size_t index = options.value_index.value_or(profile.default_value_index());
  Rows table(profile);
  std::vector<std::uint32_t> seen_in;  // by row: the last sample that counted it, plus 1
  for (std::uint32_t n = 0; n < profile.samples().size(); ++n) {
    const Sample& sample = profile.samples()[n];
    if (index >= sample.values.size() || !profile.stacks().contains(sample.stack)) {
      continue;
    }
    const std::int64_t value = sample.values[index];
    bool innermost = true;
    for (const LocationId id : profile.stacks().at(sample.stack)) {
      if (!profile.locations().contains(id)) {
        continue;
      }
      const std::vector<std::uint32_t>& numbers = table.of(id);
      seen_in.resize(table.rows.size());
      for (const std::uint32_t row : numbers) {
        table.rows[row].flat += innermost ? value : 0;
        innermost = false;
        if (seen_in[row] != n + 1) {
          seen_in[row] = n + 1;
          table.rows[row].cum += value;
        }
      }
    }
  }
  std::ranges::sort(table.rows, [&](const TopRow& a, const TopRow& b) {
    const auto key = [&](const TopRow& row) {
      const std::int64_t flat = -std::abs(row.flat);
      const std::int64_t cum = -std::abs(row.cum);
      return options.by_cum ? std::tuple(cum, flat, std::string_view(row.name))
                            : std::tuple(flat, cum, std::string_view(row.name));
    };
    return key(a) < key(b);
  });
  if (options.rows != 0 && table.rows.size() > options.rows) {
    table.rows.resize(options.rows);
  }
  return std::move(table.rows);
}

std::string write_top_table(const Profile& profile, const TopOptions& options) {
  const std::size_t index = options.value_index.value_or(profile.default_value_index());
  const ValueType type = index < profile.sample_types.size() ? profile.sample_types[index] : ValueType{};
  const std::int64_t total = whole(profile, index);
  const std::vector<TopRow> rows = top_rows(profile, options);
  std::int64_t shown = 0;
  for (const TopRow& row : rows) {
    shown += row.flat;
  }
  std::string out;
  auto to = std::back_inserter(out);
  write_header(out, profile, type, total);
  const std::string sum = format_value(total, type.unit);
  const std::string share = format_percent(shown, total);
  fmt::format_to(to, "Showing nodes accounting for {}, {} of {} total\n", format_value(shown, type.unit),
                 std::string_view(share).substr(share.find_first_not_of(' ')), sum);
  fmt::format_to(to, "{:>10} {:>6} {:>6} {:>10} {:>6}\n", "flat", "flat%", "sum%", "cum", "cum%");
  std::int64_t so_far = 0;
  for (const TopRow& row : rows) {
    so_far += row.flat;
    fmt::format_to(to, "{:>10} {:>6} {:>6} {:>10} {:>6}  {}\n", format_value(row.flat, type.unit),
                   format_percent(row.flat, total), format_percent(so_far, total),
                   format_value(row.cum, type.unit), format_percent(row.cum, total), one_line(row.name));
  }
  return out;
}

}  // namespace stoker::profile
