// Gzip (RFC 1952) as a stream out, and with a cap on the way in.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"

namespace stoker::profile {

// Takes bytes in pieces, so that the uncompressed whole never exists.
class GzipWriter {
 public:
  // level: zlib's, 1 (fast) to 9.
  explicit GzipWriter(int level);
  ~GzipWriter();
  GzipWriter(const GzipWriter&) = delete;
  GzipWriter& operator=(const GzipWriter&) = delete;

  void add(std::string_view bytes);
  // The whole stream; an error when zlib had no memory. Call once, last.
  Result<std::string> finish();

 private:
  struct Stream;

  void deflate_input(std::string_view bytes, int flush);

  std::unique_ptr<Stream> stream_;
  std::string out_;
  bool failed_ = false;
};

bool is_gzip(ByteView bytes);

// Every member of a gzip file, one behind the other. More than limit bytes, a bad stream or one cut short: an
// Error that begins with what.
Result<std::string> gunzip(ByteView bytes, std::size_t limit, const std::string& what);

}  // namespace stoker::profile
