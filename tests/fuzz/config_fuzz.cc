#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "config/config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto config = stoker::config::parse(text, "fuzz.yaml");
  // What is accepted is in range; what is not has a cause.
  if (config ? config->sampling.rate < 1 || config->sampling.rate > 10'000 : config.error().why.empty()) {
    std::abort();
  }
  return 0;
}
