// All stacks of a profile merged by name into one tree: what flame graphs draw.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "profile/profile.h"

namespace stoker::profile {

// FrameKind, and what only a tree has. The numbers are those of the page's data (html.h).
enum class FlameKind : std::uint8_t { kNative, kKernel, kRuntime, kMarker, kProcess };

// A name as it occurs in the tree; file, line and module are those of the first place that had it.
struct FlameFrame {
  std::string name;
  FlameKind kind = FlameKind::kNative;
  std::string file;
  std::int64_t line = 0;  // where the function starts, else the line seen first; 0 when not known
  std::string module;     // the mapping's path
};

struct FlameNode {
  std::uint32_t frame = 0;  // index into FlameTree::frames
  std::uint32_t depth = 0;  // 0 for the outermost calls
};

// Nodes in pre-order, siblings by name: a node's children follow it, one level deeper. There is no root node.
struct FlameTree {
  std::vector<ValueType> types;
  std::vector<FlameFrame> frames;
  std::vector<FlameNode> nodes;
  std::vector<std::int64_t> self;  // of node n and type t: self[n * types.size() + t]
  bool by_process = false;         // the nodes of depth 0 are processes

  // Self and all below, laid out like self.
  std::vector<std::int64_t> totals() const;
};

struct FlameOptions {
  // Puts the process (process.h) above each stack; ignored when no sample names one.
  bool by_process = false;
  bool pids = true;  // false: processes of one name are one
};

FlameTree build_flame_tree(const Profile& profile, const FlameOptions& options = {});

}  // namespace stoker::profile
