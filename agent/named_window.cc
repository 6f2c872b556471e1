#include "agent/named_window.h"

#include <xxhash.h>

#include <algorithm>
#include <numeric>
#include <tuple>
#include <utility>

namespace stoker::agent {
namespace {

using profile::FrameKind;
using symbolize::SourceFrame;

// Each frame's names may lie anywhere in a file's debug data.
constexpr std::size_t kFramesBetweenDrops = 200;

std::uint64_t hash_of(const MappedFrame& frame) {
  // Field by field: the struct has padding, which is not part of its value.
  const std::uint64_t words[3] = {frame.address,
                                  std::uint64_t{frame.binary} << 8 | static_cast<std::uint64_t>(frame.kind),
                                  static_cast<std::uint64_t>(frame.pid)};
  return ::XXH3_64bits(words, sizeof(words));
}

std::uint64_t hash_of(std::string_view text, std::uint64_t seed) {
  return ::XXH3_64bits_withSeed(text.data(), text.size(), seed);
}

}  // namespace

NamedWindow::NamedWindow(const Window& window, symbolize::Symbolizer& symbolizer)
    : window_(window), binary_has_lines_(window.binaries.size()) {
  symbolizer.refresh_kernel();
  for (const KernelCode& code : window.kernel_code) {
    symbolizer.add_kernel_code(code.address, code.size, code.name);
  }
  find_distinct();
  std::vector<FrameId> order(frames_.size());
  std::iota(order.begin(), order.end(), FrameId{0});
  std::ranges::sort(order, {}, [this](FrameId id) {
    const MappedFrame& frame = frames_[id].mapped;
    return std::tuple(frame.binary, frame.kind, frame.pid, frame.address);
  });
  std::size_t since_drop = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const std::uint32_t binary = frames_[order[i]].mapped.binary;
    name(frames_[order[i]], symbolizer);
    const bool last = i + 1 == order.size() || frames_[order[i + 1]].mapped.binary != binary;
    if (binary != MappedFrame::kNoBinary && (last || ++since_drop == kFramesBetweenDrops)) {
      symbolizer.drop_pages(window.binaries[binary]);
      since_drop = 0;
    }
  }
}

void NamedWindow::find_distinct() {
  profile::HashIndex index;
  ids_.reserve(window_.frames.size());
  for (const MappedFrame& frame : window_.frames) {
    const std::uint64_t hash = hash_of(frame);
    std::uint32_t position =
        index.find(hash, [&](std::uint32_t other) { return frames_[other - 1].mapped == frame; });
    if (position == 0) {
      frames_.push_back({.mapped = frame});
      position = static_cast<std::uint32_t>(frames_.size());
      index.insert(hash, position);
    }
    ids_.push_back(position - 1);
  }
}

void NamedWindow::name(Frame& frame, symbolize::Symbolizer& symbolizer) {
  const MappedFrame& mapped = frame.mapped;
  std::string module;
  if (mapped.kind == FrameKind::kKernel) {
    keep(frame, symbolizer.symbolize_kernel(mapped.address));
    module = symbolizer.kernel_module(mapped.address);
  } else if (mapped.kind == FrameKind::kRuntime) {
    if (const auto owner = window_.code_owners.find(mapped.pid);
        owner != window_.code_owners.end() && owner->second.root != nullptr) {
      keep(frame, symbolizer.symbolize_process(owner->second, {mapped.address}));
    }
  } else if (mapped.kind == FrameKind::kNative && mapped.binary != MappedFrame::kNoBinary) {
    keep(frame, symbolizer.symbolize(window_.binaries[mapped.binary], {mapped.address}));
    const auto lines = std::span(lines_).subspan(frame.first_line, frame.lines);
    if (std::ranges::any_of(lines, [](const Line& line) { return line.line != 0; })) {
      binary_has_lines_[mapped.binary] = true;
    }
  }
  frame.module = intern_module(std::move(module));
}

void NamedWindow::keep(Frame& frame, std::span<const SourceFrame> found) {
  frame.first_line = static_cast<std::uint32_t>(lines_.size());
  frame.lines = static_cast<std::uint32_t>(found.size());
  for (const SourceFrame& source : found) {
    const auto same = [&](const profile::Function& other) {
      return other.name == source.function && other.system_name == source.system_name &&
             other.file == source.file && other.start_line == source.start_line;
    };
    const auto make = [&] {
      return profile::Function{source.function, source.system_name, source.file, source.start_line};
    };
    const std::uint64_t hash = hash_of(
        source.file,
        hash_of(source.system_name, hash_of(source.function, static_cast<std::uint64_t>(source.start_line))));
    lines_.push_back({functions_.add(hash, same, make), source.line});
  }
}

std::uint32_t NamedWindow::intern_module(std::string name) {
  return modules_.add(
      hash_of(name, 0), [&](const std::string& other) { return other == name; },
      [&] { return std::move(name); });
}

}  // namespace stoker::agent
