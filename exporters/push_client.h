// One attempt to push, over HTTP or HTTPS.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "exporters/push_outcome.h"

namespace stoker::exporters {

struct PushTarget {
  std::string url;
  std::string tenant;  // X-Scope-OrgID; "" for none
  // At most one of basic and bearer authentication. Files are read for each attempt, so that a token may be
  // renewed; blanks at their ends are not part of the secret.
  std::string username;
  std::string password;
  std::string password_file;
  std::string bearer_token;
  std::string bearer_token_file;
  std::vector<std::pair<std::string, std::string>> headers;
  std::chrono::milliseconds timeout{10'000};  // of a whole attempt
  bool retry_on_429 = true;
  std::string ca_file;  // PEM; "" for the system's certificates
  bool insecure_skip_verify = false;
};

// Keeps its connection between pushes. One thread pushes; any may call stop.
class PushClient {
 public:
  static Result<std::unique_ptr<PushClient>> make(PushTarget target);
  ~PushClient();
  PushClient(const PushClient&) = delete;
  PushClient& operator=(const PushClient&) = delete;

  // body: a serialized PushRequest. Takes at most timeout, which is cut to the target's; of that, at most 5 s
  // for connecting.
  Outcome push(const std::string& body, std::chrono::milliseconds timeout);

  // Breaks off the push under way, if any.
  void stop();

 private:
  struct Connection;
  explicit PushClient(std::unique_ptr<Connection> connection);
  std::unique_ptr<Connection> connection_;
};

}  // namespace stoker::exporters
