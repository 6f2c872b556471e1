// The table of functions that `agent report` and `agent record` print: `go tool pprof -top`'s.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "profile/profile.h"

namespace stoker::profile {

// flat: values of samples whose innermost frame it is. cum: of samples in which it occurs, each counted once.
struct TopRow {
  std::string name;
  std::int64_t flat = 0;
  std::int64_t cum = 0;
};

struct TopOptions {
  std::optional<std::size_t> value_index;  // default: Profile::default_value_index()
  std::size_t rows = 0;                    // 0 for all
  bool by_cum = false;
};

// One row a name, largest first, equal ones by name.
std::vector<TopRow> top_rows(const Profile& profile, const TopOptions& options = {});

// Header lines (File, Type, Time, Duration and total) and the rows, with a newline behind each.
std::string write_top_table(const Profile& profile, const TopOptions& options = {});

}  // namespace stoker::profile
