#include "profile/html.h"

#include <fmt/format.h>

#include <iterator>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "profile/assets.h"
#include "profile/facts.h"
#include "profile/flame_tree.h"
#include "profile/text.h"

namespace stoker::profile {
namespace {

// "key":[value,…] of one number per item.
template <typename Items, typename Value>
void append_column(std::string& out, std::string_view key, const Items& items, Value value) {
  fmt::format_to(std::back_inserter(out), "\"{}\":[", key);
  bool first = true;
  for (const auto& item : items) {
    fmt::format_to(std::back_inserter(out), "{}{}", first ? "" : ",", value(item));
    first = false;
  }
  out += ']';
}

void append_facts(std::string& out, const Profile& profile, const HtmlOptions& options) {
  out += "\"title\":";
  append_json(out, options.title);
  out += ",\"facts\":[";
  bool first = true;
  for (const auto& [name, value] : profile_facts(profile)) {
    out += first ? "[" : ",[";
    first = false;
    append_json(out, name);
    out += ',';
    append_json(out, value);
    out += ']';
  }
  out += "],\"notes\":[";
  for (std::size_t i = 0; i < profile.comments.size(); ++i) {
    out += i == 0 ? "" : ",";
    append_json(out, profile.comments[i]);
  }
  out += "],\"types\":[";
  for (std::size_t i = 0; i < profile.sample_types.size(); ++i) {
    out += i == 0 ? "{\"type\":" : ",{\"type\":";
    append_json(out, profile.sample_types[i].type);
    out += ",\"unit\":";
    append_json(out, profile.sample_types[i].unit);
    out += '}';
  }
  fmt::format_to(std::back_inserter(out), "],\"default\":{}", profile.default_value_index());
}

void append_frames(std::string& out, const FlameTree& tree) {
  std::unordered_map<std::string_view, std::size_t> known;
  std::string strings;
  const auto index = [&](const std::string& text) {
    const auto [found, is_new] = known.try_emplace(text, known.size());
    if (is_new) {
      strings += strings.empty() ? "" : ",";
      append_json(strings, text);
    }
    return found->second;
  };
  out += "\"frames\":{";
  append_column(out, "name", tree.frames, [&](const FlameFrame& frame) { return index(frame.name); });
  out += ',';
  append_column(out, "file", tree.frames, [&](const FlameFrame& frame) { return index(frame.file); });
  out += ',';
  append_column(out, "module", tree.frames, [&](const FlameFrame& frame) { return index(frame.module); });
  out += ',';
  append_column(out, "line", tree.frames, [](const FlameFrame& frame) { return frame.line; });
  out += ',';
  append_column(out, "kind", tree.frames,
                [](const FlameFrame& frame) { return static_cast<int>(frame.kind); });
  out += "},\"strings\":[" + strings + ']';
}

// Nanoseconds are mostly the count of samples times the period: then one factor stands for the whole column.
std::optional<std::int64_t> factor_of_first(const FlameTree& tree, std::size_t type) {
  const std::size_t count = tree.types.size();
  std::optional<std::int64_t> factor;
  for (std::size_t n = 0; n < tree.nodes.size() && type != 0; ++n) {
    const std::int64_t base = tree.self[n * count];
    const std::int64_t value = tree.self[n * count + type];
    if (base == 0 && value == 0) {
      continue;
    }
    if (base == 0 || value % base != 0 || (factor && *factor != value / base)) {
      return std::nullopt;
    }
    factor = value / base;
  }
  return factor;
}

void append_nodes(std::string& out, const FlameTree& tree) {
  out += "\"nodes\":{";
  append_column(out, "frame", tree.nodes, [](const FlameNode& node) { return node.frame; });
  out += ',';
  append_column(out, "depth", tree.nodes, [](const FlameNode& node) { return node.depth; });
  out += ",\"self\":[";
  const std::size_t count = tree.types.size();
  for (std::size_t type = 0; type < count; ++type) {
    out += type == 0 ? "" : ",";
    if (const std::optional<std::int64_t> factor = factor_of_first(tree, type)) {
      fmt::format_to(std::back_inserter(out), "{{\"of\":0,\"times\":{}}}", *factor);
      continue;
    }
    out += '[';
    for (std::size_t n = 0; n < tree.nodes.size(); ++n) {
      fmt::format_to(std::back_inserter(out), "{}{}", n == 0 ? "" : ",", tree.self[n * count + type]);
    }
    out += ']';
  }
  out += "]}";
}

}  // namespace

std::string flame_json(const Profile& profile, const HtmlOptions& options) {
  const FlameTree tree = build_flame_tree(profile, {.by_process = true, .pids = options.pids});
  std::string out = "{";
  append_facts(out, profile, options);
  fmt::format_to(std::back_inserter(out), ",\"byProcess\":{},", tree.by_process);
  append_frames(out, tree);
  out += ',';
  append_nodes(out, tree);
  return out += '}';
}

std::string write_html(const Profile& profile, const HtmlOptions& options) {
  std::string out = R"(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>)";
  append_markup(out, options.title);
  out += "</title>\n<style>html, body { height: 100%; margin: 0; }\n";
  out += assets::flame_css();
  out += "</style>\n</head>\n<body>\n<div id=\"flame\" style=\"height: 100%\"></div>\n<script>\n";
  out += assets::flame_model_js();
  out += assets::flame_js();
  out += "</script>\n<script type=\"application/json\" id=\"data\">";
  out += flame_json(profile, options);
  out += R"(</script>
<script>
StokerFlame.mount(document.getElementById("flame"), JSON.parse(document.getElementById("data").textContent));
</script>
</body>
</html>
)";
  return out;
}

}  // namespace stoker::profile
