#include "profile/gzip.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

namespace stoker::profile {
namespace {

// windowBits of zlib's advanced calls: 15 is the largest window, 16 more means the gzip format.
constexpr int kGzipFormat = 15 + 16;
constexpr std::size_t kChunk = 64 << 10;

Bytef* input_of(const void* data) {
  return const_cast<Bytef*>(static_cast<const Bytef*>(data));
}

}  // namespace

struct GzipWriter::Stream {
  z_stream z{};
};

GzipWriter::GzipWriter(int level) : stream_(std::make_unique<Stream>()) {
  failed_ = deflateInit2(&stream_->z, level, Z_DEFLATED, kGzipFormat, 8, Z_DEFAULT_STRATEGY) != Z_OK;
}

GzipWriter::~GzipWriter() {
  deflateEnd(&stream_->z);
}

void GzipWriter::add(std::string_view bytes) {
  while (!bytes.empty() && !failed_) {
    const std::string_view piece = bytes.substr(0, 1 << 30);  // avail_in has 32 bits
    deflate_input(piece, Z_NO_FLUSH);
    bytes.remove_prefix(piece.size());
  }
}

void GzipWriter::deflate_input(std::string_view bytes, int flush) {
  z_stream& z = stream_->z;
  z.next_in = input_of(bytes.data());
  z.avail_in = static_cast<uInt>(bytes.size());
  std::array<char, kChunk> chunk;
  do {
    z.next_out = reinterpret_cast<Bytef*>(chunk.data());
    z.avail_out = chunk.size();
    if (deflate(&z, flush) == Z_STREAM_ERROR) {
      failed_ = true;
      return;
    }
    out_.append(chunk.data(), chunk.size() - z.avail_out);
  } while (z.avail_out == 0);
}

Result<std::string> GzipWriter::finish() {
  if (!failed_) {
    deflate_input({}, Z_FINISH);
  }
  if (failed_) {
    return make_error("cannot compress the profile", "zlib has no memory");
  }
  return std::move(out_);
}

bool is_gzip(ByteView bytes) {
  return as_text(bytes).starts_with("\x1f\x8b");
}

Result<std::string> gunzip(ByteView bytes, std::size_t limit, const std::string& what) {
  z_stream z{};
  if (inflateInit2(&z, kGzipFormat) != Z_OK) {
    return make_error(what, "zlib has no memory");
  }
  const std::unique_ptr<z_stream, int (*)(z_stream*)> end_at_exit(&z, inflateEnd);
  std::string out;
  auto chunk = std::make_unique<std::array<char, kChunk>>();
  int state = Z_OK;
  std::size_t taken = 0;
  while (state != Z_STREAM_END || (taken < bytes.size() && is_gzip(bytes.subspan(taken)))) {
    if (state == Z_STREAM_END) {
      inflateReset(&z);
    }
    const std::size_t piece = std::min<std::size_t>(bytes.size() - taken, 1 << 30);
    z.next_in = input_of(bytes.data() + taken);
    z.avail_in = static_cast<uInt>(piece);
    z.next_out = reinterpret_cast<Bytef*>(chunk->data());
    z.avail_out = kChunk;
    state = inflate(&z, Z_NO_FLUSH);
    taken += piece - z.avail_in;
    const std::size_t made = kChunk - z.avail_out;
    if (state == Z_BUF_ERROR || (state == Z_OK && made == 0 && taken == bytes.size())) {
      return make_error(what, "the gzip stream is cut short");
    }
    if (state != Z_OK && state != Z_STREAM_END) {
      return make_error(what, fmt::format("bad gzip stream ({})", z.msg == nullptr ? "no detail" : z.msg));
    }
    if (made > limit - out.size()) {
      return make_error(what, fmt::format("it unpacks to more than {} bytes", limit));
    }
    out.append(chunk->data(), made);
  }
  return out;
}

}  // namespace stoker::profile
