#include "profile/svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <string_view>
#include <vector>

#include "profile/facts.h"
#include "profile/flame_tree.h"
#include "profile/format_value.h"
#include "profile/text.h"

namespace stoker::profile {
namespace {

constexpr int kRow = 17;
constexpr int kHeader = 58;
constexpr int kMargin = 10;
constexpr double kLetter =
    6.6;  // width of a letter of the 11px monospace font, a little more than in most fonts

struct Colour {
  int hue;
  int saturation;
  int lightness;
};
// By FlameKind; the same as the page's (assets/flame.css).
constexpr std::array<Colour, 5> kColours = {
    {{33, 92, 66}, {212, 62, 68}, {148, 44, 60}, {0, 0, 72}, {262, 42, 76}}};

// Spreads names over shades of their kind (FNV-1a).
std::string colour_of(const FlameFrame& frame) {
  std::uint32_t hash = 2166136261;
  for (const char c : frame.name) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 16777619;
  }
  const double shade = (hash >> 8 & 0xff) / 255.0 - 0.5;
  const Colour& base = kColours[static_cast<std::size_t>(frame.kind)];
  return fmt::format("hsl({:.0f},{}%,{:.0f}%)", base.hue + shade * 22, base.saturation,
                     base.lightness + shade * 12);
}

// At most room characters of name; a cut one ends in "…". Cuts between characters of UTF-8.
std::string fit(std::string_view name, std::size_t room) {
  std::string text = valid_utf8(name);
  std::size_t characters = 0;
  std::size_t cut = text.size();
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool starts = (static_cast<unsigned char>(text[i]) & 0xc0) != 0x80;
    characters += starts ? 1 : 0;
    if (starts && characters == room) {
      cut = i;
    }
  }
  if (characters > room) {
    text.resize(cut);
    text += "…";
  }
  return text;
}

class SvgWriter {
 public:
  SvgWriter(const Profile& profile, const SvgOptions& options)
      : profile_(profile),
        options_(options),
        tree_(build_flame_tree(profile, {.by_process = options.by_process})),
        index_(profile.default_value_index()) {
    if (index_ < tree_.types.size()) {
      all_totals_ = tree_.totals();
    }
    for (std::size_t n = 0; n < tree_.nodes.size(); ++n) {
      whole_ += tree_.nodes[n].depth == 0 ? std::max<std::int64_t>(total(n), 0) : 0;
    }
  }

  std::string write() {
    place();
    const int height = kHeader + kRow * static_cast<int>(depth_) + kMargin;
    auto to = std::back_inserter(out_);
    fmt::format_to(
        to,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" "
        "font-family=\"ui-monospace, Menlo, Consolas, monospace\" font-size=\"11\">\n"
        "<rect width=\"100%\" height=\"100%\" fill=\"#fbfaf8\"/>\n"
        "<text x=\"{2}\" y=\"24\" font-size=\"16\" font-weight=\"bold\">",
        options_.width, height, kMargin);
    append_markup(out_, options_.title);
    fmt::format_to(to, "</text>\n<text x=\"{}\" y=\"42\" fill=\"#6f6a62\">", kMargin);
    std::string_view between;
    for (const auto& [name, value] : profile_facts(profile_)) {
      append_markup(out_, fmt::format("{}{} {}", between, name, value));
      between = " · ";
    }
    out_ += "</text>\n";
    for (const Box& box : boxes_) {
      append_box(box, height);
    }
    return std::move(out_ += "</svg>\n");
  }

 private:
  struct Box {
    std::size_t node;
    double x;
    double width;
  };

  std::int64_t total(std::size_t node) const {
    return all_totals_.empty() ? 0 : all_totals_[node * tree_.types.size() + index_];
  }

  void place() {
    const double scale = whole_ == 0 ? 0 : (options_.width - 2.0 * kMargin) / static_cast<double>(whole_);
    std::vector<double> next{kMargin};  // where the next node of each depth starts
    for (std::size_t n = 0; n < tree_.nodes.size(); ++n) {
      const std::size_t depth = tree_.nodes[n].depth;
      next.resize(depth + 2);
      const double x = next[depth];
      const double width = static_cast<double>(std::max<std::int64_t>(total(n), 0)) * scale;
      next[depth] += width;
      next[depth + 1] = x;
      if (width >= options_.least_width) {
        boxes_.push_back({n, x, width});
        depth_ = std::max(depth_, depth + 1);
      }
    }
  }

  void append_box(const Box& box, int height) {
    const FlameFrame& frame = tree_.frames[tree_.nodes[box.node].frame];
    const int y = height - kMargin - kRow * (static_cast<int>(tree_.nodes[box.node].depth) + 1);
    auto to = std::back_inserter(out_);
    out_ += "<g><title>";
    append_markup(out_, frame.name);
    const std::string share = format_percent(total(box.node), whole_);
    fmt::format_to(to, " ({}, {})", format_value(total(box.node), tree_.types[index_].unit),
                   std::string_view(share).substr(share.find_first_not_of(' ')));
    fmt::format_to(
        to, "</title><rect x=\"{:.1f}\" y=\"{}\" width=\"{:.1f}\" height=\"{}\" rx=\"1\" fill=\"{}\"/>",
        box.x, y, box.width > 2 ? box.width - 0.5 : box.width, kRow - 1, colour_of(frame));
    const auto room = static_cast<std::size_t>(std::max(box.width - 6, 0.0) / kLetter);
    if (room >= 3) {
      fmt::format_to(to, "<text x=\"{:.1f}\" y=\"{}\">", box.x + 3, y + 12);
      append_markup(out_, fit(frame.name, room));
      out_ += "</text>";
    }
    out_ += "</g>\n";
  }

  const Profile& profile_;
  const SvgOptions& options_;
  FlameTree tree_;
  std::size_t index_;
  std::vector<std::int64_t> all_totals_;
  std::int64_t whole_ = 0;
  std::vector<Box> boxes_;
  std::size_t depth_ = 0;
  std::string out_;
};

}  // namespace

std::string write_svg(const Profile& profile, const SvgOptions& options) {
  return SvgWriter(profile, options).write();
}

}  // namespace stoker::profile
