// The paths the server knows, and what each answers.
#pragma once

#include <functional>
#include <optional>

#include "base/error.h"
#include "base/metrics.h"
#include "web/recent_store.h"
#include "web/response.h"

namespace stoker::web {

// Holds no state: any number of threads may ask.
class Pages {
 public:
  // ready: an error is the reason why not yet.
  Pages(const RecentStore& store, const metrics::Registry& metrics, std::function<Result<>()> ready)
      : store_(store), metrics_(metrics), ready_(std::move(ready)) {}

  // All are for GET and HEAD. nullopt: no such path.
  std::optional<Response> get(const Request& request) const;

 private:
  Response flame(const Request& request) const;
  Response pprof(const Request& request) const;
  Response processes(const Request& request) const;
  Response ready() const;

  const RecentStore& store_;
  const metrics::Registry& metrics_;
  std::function<Result<>()> ready_;
};

}  // namespace stoker::web
