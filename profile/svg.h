// A flame graph as a static picture, for documents and mails. html.h has the one to work with.
#pragma once

#include <string>

#include "profile/profile.h"

namespace stoker::profile {

struct SvgOptions {
  std::string title = "CPU profile";
  int width = 1200;          // pixels
  bool by_process = true;    // where samples name one
  double least_width = 0.2;  // pixels; narrower frames are left out
};

// No scripts, no outside references. The outermost calls are at the bottom; each frame's <title> has name, value and
// share. Of a profile with negative values (a difference) the frames whose total is not positive are left out.
std::string write_svg(const Profile& profile, const SvgOptions& options = {});

}  // namespace stoker::profile
