#include "elf/inflate.h"

#include <elf.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/byte_reader.h"

namespace stoker::elf {
namespace {

// zlib and zstd cannot shrink by more than about 1030 and, for sane debug data, some thousands: a header that
// announces more than this per stored byte is a bomb and is refused before memory is taken.
constexpr std::uint64_t kMostGrowth = 20000;

Result<> check_size(std::uint64_t size, std::uint64_t stored, std::uint64_t limit, const std::string& what) {
  if (size > limit || size / kMostGrowth > stored) {
    return make_error(what, "it claims to inflate to " + std::to_string(size) + " bytes");
  }
  return {};
}

Result<SectionBytes> inflate_zlib(ByteView stream, std::uint64_t size, const std::string& what) {
  std::vector<std::byte> out(size);
  auto written = static_cast<uLongf>(size);
  const int status = ::uncompress(reinterpret_cast<Bytef*>(out.data()), &written,
                                  reinterpret_cast<const Bytef*>(stream.data()), stream.size());
  if (status != Z_OK || written != size) {
    return make_error(what, "bad zlib stream");
  }
  return SectionBytes(std::move(out));
}

Result<SectionBytes> inflate_zstd(ByteView stream, std::uint64_t size, const std::string& what) {
  std::vector<std::byte> out(size);
  const std::size_t written = ::ZSTD_decompress(out.data(), out.size(), stream.data(), stream.size());
  if (::ZSTD_isError(written) != 0 || written != size) {
    return make_error(what, "bad zstd stream");
  }
  return SectionBytes(std::move(out));
}

}  // namespace

Result<SectionBytes> inflate_chdr(ByteView stored, std::uint64_t limit, const std::string& what) {
  ByteReader reader(stored);
  const std::uint32_t type = reader.u32();
  reader.u32();  // ch_reserved
  const std::uint64_t size = reader.u64();
  reader.u64();  // ch_addralign
  if (!reader.ok()) {
    return make_error(what, "its compression header is cut short");
  }
  const ByteView stream = reader.take(reader.remaining());
  if (auto sane = check_size(size, stream.size(), limit, what); !sane) {
    return std::unexpected(sane.error());
  }
  constexpr std::uint32_t kZlib = 1;
  constexpr std::uint32_t kZstd = 2;
  switch (type) {
    case kZlib:
      return inflate_zlib(stream, size, what);
    case kZstd:
      return inflate_zstd(stream, size, what);
    default:
      return make_error(what, "unknown compression type " + std::to_string(type));
  }
}

Result<SectionBytes> inflate_zdebug(ByteView stored, std::uint64_t limit, const std::string& what) {
  ByteReader reader(stored);
  const std::string_view magic = as_text(reader.take(4));
  std::uint64_t size = 0;
  for (int i = 0; i < 8; ++i) {
    size = size << 8 | reader.u8();
  }
  if (!reader.ok() || magic != "ZLIB") {
    return make_error(what, "its compression header is bad");
  }
  const ByteView stream = reader.take(reader.remaining());
  if (auto sane = check_size(size, stream.size(), limit, what); !sane) {
    return std::unexpected(sane.error());
  }
  return inflate_zlib(stream, size, what);
}

Result<SectionBytes> inflate_xz(ByteView stored, std::uint64_t limit, const std::string& what) {
  lzma_stream stream = LZMA_STREAM_INIT;
  // 256 MiB of dictionary is four times xz -9's.
  if (::lzma_stream_decoder(&stream, std::uint64_t{256} << 20, 0) != LZMA_OK) {
    return make_error(what, "no memory for xz");
  }
  stream.next_in = reinterpret_cast<const std::uint8_t*>(stored.data());
  stream.avail_in = stored.size();
  std::vector<std::byte> out;
  lzma_ret status = LZMA_OK;
  while (status == LZMA_OK) {
    const std::size_t used = out.size();
    if (used >= limit) {
      ::lzma_end(&stream);
      return make_error(what, "it inflates to more than " + std::to_string(limit) + " bytes");
    }
    out.resize(std::min<std::uint64_t>(limit, std::max<std::size_t>(used * 2, 1 << 16)));
    stream.next_out = reinterpret_cast<std::uint8_t*>(out.data() + used);
    stream.avail_out = out.size() - used;
    status = ::lzma_code(&stream, LZMA_FINISH);
    out.resize(out.size() - stream.avail_out);
  }
  ::lzma_end(&stream);
  if (status != LZMA_STREAM_END) {
    return make_error(what, "bad xz stream");
  }
  return SectionBytes(std::move(out));
}

}  // namespace stoker::elf
