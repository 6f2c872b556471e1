// A profile as one HTML file with a flame graph that needs no network, and as the data such a page draws.
#pragma once

#include <string>

#include "profile/profile.h"

namespace stoker::profile {

struct HtmlOptions {
  std::string title = "CPU profile";
  bool pids = true;  // each process stands for itself; false: processes of one name are one
};

// Works from file://. Names stand in it only as JSON text (text.h: append_json), and a content security policy forbids
// every request.
std::string write_html(const Profile& profile, const HtmlOptions& options = {});

// What StokerFlame.mount (assets.h) takes, as JSON that may stand inside a <script> element:
//   title, facts: [[name, value]…], notes: [the profile's comments], types: [{type, unit}…], default: index of a type,
//   byProcess: whether the outermost nodes are processes, strings: […],
//   frames: {name, file, module: indexes into strings; line; kind: FlameKind}, one array each,
//   nodes: {frame, depth: arrays in pre-order; self: for each type an array, or {of: type, times: factor}}.
std::string flame_json(const Profile& profile, const HtmlOptions& options = {});

}  // namespace stoker::profile
