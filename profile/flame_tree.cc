#include "profile/flame_tree.h"

#include <xxhash.h>

#include <algorithm>
#include <limits>
#include <span>
#include <string_view>
#include <tuple>
#include <utility>

#include "profile/process.h"

namespace stoker::profile {
namespace {

constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

class TreeBuilder {
 public:
  TreeBuilder(const Profile& profile, const FlameOptions& options) : profile_(profile) {
    tree_.types = profile.sample_types;
    find_processes(options);
    frames_of_location_.resize(profile.locations().size() + 1);
  }

  FlameTree build() {
    for (const Sample& sample : profile_.samples()) {
      add(sample);
    }
    lay_out();
    return std::move(tree_);
  }

 private:
  struct Node {
    std::uint32_t frame = 0;
    std::uint32_t parent = kNone;
    std::uint32_t first_child = kNone;
    std::uint32_t next_sibling = kNone;
  };
  // A part of location_frames_: a location's frames, outermost first.
  struct Range {
    std::uint32_t begin = 0;
    std::uint32_t size = 0;
  };

  void find_processes(const FlameOptions& options) {
    if (!options.by_process) {
      return;
    }
    process_frames_.assign(profile_.label_sets().size() + 1, kNone);
    for (LabelSetId id = 1; id <= profile_.label_sets().size(); ++id) {
      const std::string name = process_name(profile_, id, options.pids);
      if (!name.empty()) {
        process_frames_[id] = frame(name, FlameKind::kProcess);
        tree_.by_process = true;
      }
    }
  }

  std::uint32_t frame(std::string_view name, FlameKind kind) {
    const std::uint64_t hash =
        XXH3_64bits_withSeed(name.data(), name.size(), static_cast<std::uint64_t>(kind));
    const std::uint32_t known = frame_index_.find(hash, [&](std::uint32_t id) {
      return tree_.frames[id - 1].kind == kind && tree_.frames[id - 1].name == name;
    });
    if (known != 0) {
      return known - 1;
    }
    tree_.frames.push_back({.name = std::string(name), .kind = kind});
    frame_index_.insert(hash, static_cast<std::uint32_t>(tree_.frames.size()));
    return static_cast<std::uint32_t>(tree_.frames.size() - 1);
  }

  std::span<const std::uint32_t> frames_of(LocationId id) {
    Range& range = frames_of_location_[id];
    if (range.size == 0) {
      const Location& location = profile_.locations().at(id);
      range.begin = static_cast<std::uint32_t>(location_frames_.size());
      for (std::size_t i = std::max<std::size_t>(location.lines.size(), 1); i-- > 0;) {
        location_frames_.push_back(frame_of_line(location, i));
      }
      range.size = static_cast<std::uint32_t>(location_frames_.size()) - range.begin;
    }
    return std::span(location_frames_).subspan(range.begin, range.size);
  }

  std::uint32_t frame_of_line(const Location& location, std::size_t line_index) {
    const std::size_t before = tree_.frames.size();
    const std::uint32_t id =
        frame(frame_name(profile_, location, line_index), static_cast<FlameKind>(location.kind));
    if (tree_.frames.size() == before) {
      return id;
    }
    FlameFrame& made = tree_.frames[id];
    if (profile_.mappings().contains(location.mapping)) {
      made.module = profile_.mappings().at(location.mapping).path;
    }
    if (line_index < location.lines.size()) {
      const Line& line = location.lines[line_index];
      made.line = line.line;
      if (profile_.functions().contains(line.function)) {
        const Function& function = profile_.functions().at(line.function);
        made.file = function.file;
        made.line = function.start_line != 0 ? function.start_line : line.line;
      }
    }
    return id;
  }

  std::uint32_t child(std::uint32_t parent, std::uint32_t frame) {
    const std::uint64_t pair = std::uint64_t{parent} << 32 | frame;
    const std::uint64_t hash = XXH3_64bits(&pair, sizeof(pair));
    const std::uint32_t known = node_index_.find(hash, [&](std::uint32_t id) {
      return nodes_[id - 1].parent == parent && nodes_[id - 1].frame == frame;
    });
    if (known != 0) {
      return known - 1;
    }
    const auto made = static_cast<std::uint32_t>(nodes_.size());
    std::uint32_t& first = parent == kNone ? first_root_ : nodes_[parent].first_child;
    nodes_.push_back({frame, parent, kNone, std::exchange(first, made)});
    self_.resize(self_.size() + tree_.types.size());
    node_index_.insert(hash, made + 1);
    return made;
  }

  void add(const Sample& sample) {
    std::uint32_t node = kNone;
    if (tree_.by_process) {
      const std::uint32_t process = process_frames_[sample.labels];
      node = child(kNone, process == kNone ? frame("[no process]", FlameKind::kProcess) : process);
    }
    if (profile_.stacks().contains(sample.stack)) {
      const std::vector<LocationId>& stack = profile_.stacks().at(sample.stack);
      for (auto id = stack.rbegin(); id != stack.rend(); ++id) {
        if (!profile_.locations().contains(*id)) {
          continue;
        }
        for (const std::uint32_t frame : frames_of(*id)) {
          node = child(node, frame);
        }
      }
    }
    if (node == kNone) {
      node = child(kNone, frame("[no stack]", FlameKind::kMarker));
    }
    const std::size_t types = tree_.types.size();
    for (std::size_t i = 0; i < std::min(types, sample.values.size()); ++i) {
      self_[node * types + i] += sample.values[i];
    }
  }

  // Recursion would be as deep as the deepest stack of a file nobody vouches for.
  void lay_out() {
    const std::size_t types = tree_.types.size();
    tree_.nodes.reserve(nodes_.size());
    tree_.self.reserve(self_.size());
    std::vector<std::pair<std::uint32_t, std::uint32_t>> open;  // node, depth; the next one at the back
    push_siblings(first_root_, 0, open);
    while (!open.empty()) {
      const auto [id, depth] = open.back();
      open.pop_back();
      tree_.nodes.push_back({nodes_[id].frame, depth});
      for (std::size_t i = 0; i < types; ++i) {
        tree_.self.push_back(self_[id * types + i]);
      }
      push_siblings(nodes_[id].first_child, depth + 1, open);
    }
  }

  void push_siblings(std::uint32_t first, std::uint32_t depth,
                     std::vector<std::pair<std::uint32_t, std::uint32_t>>& open) const {
    const auto start = static_cast<std::ptrdiff_t>(open.size());
    for (std::uint32_t id = first; id != kNone; id = nodes_[id].next_sibling) {
      open.emplace_back(id, depth);
    }
    std::sort(open.begin() + start, open.end(), [this](const auto& a, const auto& b) {
      const FlameFrame& left = tree_.frames[nodes_[a.first].frame];
      const FlameFrame& right = tree_.frames[nodes_[b.first].frame];
      return std::tie(left.name, left.kind) > std::tie(right.name, right.kind);
    });
  }

  const Profile& profile_;
  FlameTree tree_;
  HashIndex frame_index_;                      // frame number + 1
  HashIndex node_index_;                       // node number + 1
  std::vector<std::uint32_t> process_frames_;  // by label set
  std::vector<Range> frames_of_location_;
  std::vector<std::uint32_t> location_frames_;
  std::vector<Node> nodes_;
  std::vector<std::int64_t> self_;
  std::uint32_t first_root_ = kNone;
};

}  // namespace

std::vector<std::int64_t> FlameTree::totals() const {
  std::vector<std::int64_t> sums = self;
  const std::size_t count = types.size();
  std::vector<std::size_t> path;  // the node at each depth above the current one
  std::vector<std::size_t> parents(nodes.size());
  for (std::size_t n = 0; n < nodes.size(); ++n) {
    path.resize(nodes[n].depth);
    parents[n] = path.empty() ? n : path.back();
    path.push_back(n);
  }
  for (std::size_t n = nodes.size(); n-- > 0;) {
    for (std::size_t t = 0; t < count && parents[n] != n; ++t) {
      sums[parents[n] * count + t] += sums[n * count + t];
    }
  }
  return sums;
}

FlameTree build_flame_tree(const Profile& profile, const FlameOptions& options) {
  return TreeBuilder(profile, options).build();
}

}  // namespace stoker::profile
