#include "config/suggest.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <vector>

#include "config/keys.h"

namespace stoker::config {
namespace {

// Longer ones are no misspelt keys, and distance is quadratic.
constexpr std::size_t kLongest = 64;

// Levenshtein's: insertions, deletions and replacements of a letter.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

std::string_view section_of(std::string_view path) {
  return path.substr(0, std::min(path.find('.'), path.size()));
}

std::string_view name_of(std::string_view path) {
  return path.substr(path.rfind('.') + 1);
}

}  // namespace

std::string_view suggest(std::string_view path) {
  if (path.size() > kLongest) {
    return "";
  }
  std::string_view nearest;
  std::size_t least = std::max<std::size_t>(1, name_of(path).size() / 3) + 1;
  const auto consider = [&](std::string_view candidate, std::size_t how_far) {
    if (how_far < least) {
      least = how_far;
      nearest = candidate;
    }
  };
  for (const Key& key : keys()) {
    consider(section_of(key.path), distance(path, section_of(key.path)));
    consider(key.path, distance(path, key.path));
  }
  if (!nearest.empty()) {
    return nearest;
  }
  const auto same_name =
      std::ranges::find(keys(), name_of(path), [](const Key& key) { return name_of(key.path); });
  return same_name == keys().end() ? "" : same_name->path;
}

}  // namespace stoker::config
