// What a page answers, free of the HTTP library.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace stoker::web {

struct Request {
  std::string path;
  std::map<std::string, std::string> parameters;  // of the query; of repeated ones the first
  std::string if_none_match;
};

struct Response {
  int status = 200;
  std::string type = "text/plain; charset=utf-8";
  std::string body;
  std::string etag;      // with its quotes; "" for none
  std::string filename;  // to save it as; "" to show it
};

}  // namespace stoker::web
