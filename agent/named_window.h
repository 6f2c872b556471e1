// A window's frames with their names, found once however many profiles are made of them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "agent/window.h"
#include "profile/intern.h"
#include "profile/profile.h"
#include "symbolize/symbolizer.h"

namespace stoker::agent {

// Reads one file after the other and gives its pages back before the next, so that the memory it takes is that of one
// file. Not thread-safe: on the thread that owns the symbolizer.
class NamedWindow {
 public:
  using FrameId = std::uint32_t;  // of a distinct frame
  struct Line {
    std::uint32_t function = 0;  // for function()
    std::int64_t line = 0;
  };

  // window must outlive it.
  NamedWindow(const Window& window, symbolize::Symbolizer& symbolizer);

  const Window& window() const { return window_; }
  // Leaf first.
  std::span<const FrameId> frames_of(const Window::Stack& stack) const {
    return std::span(ids_).subspan(stack.first, stack.count);
  }
  const MappedFrame& mapped(FrameId id) const { return frames_[id].mapped; }
  // Innermost first; none: nothing is known.
  std::span<const Line> lines(FrameId id) const {
    return std::span(lines_).subspan(frames_[id].first_line, frames_[id].lines);
  }
  const profile::Function& function(std::uint32_t id) const { return functions_.at(id); }
  // Of a kernel frame; "" for the kernel proper.
  const std::string& module(FrameId id) const { return modules_.at(frames_[id].module); }
  // Whether any frame of the binary has a line.
  bool has_lines(std::uint32_t binary) const { return binary_has_lines_[binary]; }

 private:
  struct Frame {
    MappedFrame mapped;
    std::uint32_t first_line = 0;
    std::uint32_t lines = 0;
    std::uint32_t module = 0;
  };

  void find_distinct();
  void name(Frame& frame, symbolize::Symbolizer& symbolizer);
  void keep(Frame& frame, std::span<const symbolize::SourceFrame> found);
  std::uint32_t intern_module(std::string name);

  const Window& window_;
  std::vector<FrameId> ids_;  // of each of the window's frames
  std::vector<Frame> frames_;
  std::vector<Line> lines_;
  profile::InternTable<profile::Function> functions_;
  profile::InternTable<std::string> modules_;
  std::vector<bool> binary_has_lines_;
};

}  // namespace stoker::agent
