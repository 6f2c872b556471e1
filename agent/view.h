// `agent view`: a profile that was written before, as a page.
#pragma once

#include <string>

namespace stoker::agent {

struct ViewOptions {
  std::string file;
  std::string listen = "127.0.0.1:0";  // port 0: a free one
};

// Serves the profile's flame graph until Ctrl-C.
int view(const ViewOptions& options);

}  // namespace stoker::agent
