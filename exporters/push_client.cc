#include "exporters/push_client.h"

#include <fmt/format.h>
#include <httplib.h>

#include <algorithm>
#include <exception>

#include "base/mapped_file.h"
#include "exporters/url.h"

namespace stoker::exporters {
namespace {

constexpr const char* kPath = "/push.v1.PusherService/Push";
constexpr std::size_t kMaxAnswer = 64 << 10;
// What stop() cannot break off.
constexpr std::chrono::milliseconds kMaxConnectTime{5'000};
constexpr std::size_t kMaxSecret = 64 << 10;

Result<std::string> read_secret(const std::string& path) {
  auto text = read_file(path, kMaxSecret);
  if (text) {
    const auto blank = [](unsigned char c) { return c <= ' '; };
    while (!text->empty() && blank(text->back())) {
      text->pop_back();
    }
  }
  return text;
}

bool is_header_safe(std::string_view text) {
  return std::ranges::none_of(text, [](unsigned char c) { return c < ' ' || c == 0x7F; });
}

Result<httplib::Headers> make_headers(const PushTarget& target, std::chrono::milliseconds timeout) {
  httplib::Headers headers = {
      {"Content-Type", "application/proto"},
      {"Connect-Protocol-Version", "1"},
      {"Connect-Timeout-Ms", std::to_string(timeout.count())},
      {"User-Agent", "stoker"},
      {"Accept-Encoding", "identity"},
  };
  if (!target.tenant.empty()) {
    headers.emplace("X-Scope-OrgID", target.tenant);
  }
  std::string secret = target.username.empty() ? target.bearer_token : target.password;
  const std::string& file = target.username.empty() ? target.bearer_token_file : target.password_file;
  if (!file.empty()) {
    auto text = read_secret(file);
    if (!text) {
      return std::unexpected(std::move(text.error()));
    }
    secret = std::move(*text);
  }
  if (!is_header_safe(secret)) {
    return make_error("the secret for the push has a control character in it");
  }
  if (!target.username.empty()) {
    headers.insert(httplib::make_basic_authentication_header(target.username, secret));
  } else if (!secret.empty()) {
    headers.emplace("Authorization", "Bearer " + secret);
  }
  for (const auto& [name, value] : target.headers) {
    headers.erase(name);
    headers.emplace(name, value);
  }
  return headers;
}

}  // namespace

struct PushClient::Connection {
  PushTarget target;
  Url url;
  std::unique_ptr<httplib::ClientImpl> http;

  void set_timeout(std::chrono::milliseconds timeout) const {
    http->set_connection_timeout(std::min(timeout, kMaxConnectTime));
    http->set_read_timeout(timeout);
    http->set_write_timeout(timeout);
    http->set_max_timeout(timeout);
  }
};

PushClient::PushClient(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}
PushClient::~PushClient() = default;

Result<std::unique_ptr<PushClient>> PushClient::make(PushTarget target) {
  auto url = parse_url(target.url);
  if (!url) {
    return std::unexpected(std::move(url.error()));
  }
  for (const auto& [name, value] : target.headers) {
    if (name.empty() || !is_header_safe(name) || !is_header_safe(value)) {
      return make_error(fmt::format("cannot push to \"{}\"", target.url),
                        "a header has no name, or a control character in it");
    }
  }
  auto connection = std::make_unique<Connection>();
  if (url->tls) {
    auto tls = std::make_unique<httplib::SSLClient>(url->host, url->port);
    if (!target.ca_file.empty()) {
      tls->set_ca_cert_path(target.ca_file);
    }
    tls->enable_server_certificate_verification(!target.insecure_skip_verify);
    connection->http = std::move(tls);
  } else {
    connection->http = std::make_unique<httplib::ClientImpl>(url->host, url->port);
  }
  connection->http->set_keep_alive(true);
  connection->http->set_follow_location(false);
  connection->http->set_tcp_nodelay(true);
  connection->http->set_path_encode(false);
  connection->target = std::move(target);
  connection->url = std::move(*url);
  return std::unique_ptr<PushClient>(new PushClient(std::move(connection)));
}

Outcome PushClient::push(const std::string& body, std::chrono::milliseconds timeout) {
  const PushTarget& target = connection_->target;
  timeout = std::clamp(timeout, std::chrono::milliseconds(1), target.timeout);
  auto headers = make_headers(target, timeout);
  if (!headers) {
    Outcome outcome = no_answer(headers.error().message());
    outcome.reason = "secret";
    return outcome;
  }
  connection_->set_timeout(timeout);

  httplib::Request request;
  request.method = "POST";
  request.path = connection_->url.prefix + kPath;
  request.headers = std::move(*headers);
  request.body = body;
  // The answer comes from elsewhere: its size and the time it may take are bounded. Its status is known
  // before.
  int status = 0;
  std::string retry_after;
  std::string answer;
  request.response_handler = [&](const httplib::Response& response) {
    status = response.status;
    retry_after = response.get_header_value("Retry-After");
    return true;
  };
  request.content_receiver = [&](const char* data, std::size_t size, std::uint64_t, std::uint64_t) {
    answer.append(data, std::min(size, kMaxAnswer - answer.size()));
    return answer.size() < kMaxAnswer;
  };
  try {
    request.start_time_ =
        std::chrono::steady_clock::now();  // send() alone leaves it at the clock's beginning
    const httplib::Result result = connection_->http->send(request);
    if (!result && status == 0) {
      return no_answer(httplib::to_string(result.error()));
    }
  } catch (const std::exception& error) {
    return no_answer(error.what());
  }
  return judge_answer(status, answer, retry_after, target.retry_on_429);
}

void PushClient::stop() {
  connection_->http->stop();
}

}  // namespace stoker::exporters
