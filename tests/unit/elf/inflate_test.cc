#include "elf/inflate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <string>

namespace stoker::elf {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t kMiB = 1 << 20;

std::string zlib(const std::string& text) {
  std::string out(::compressBound(text.size()), '\0');
  uLongf size = out.size();
  ::compress2(reinterpret_cast<Bytef*>(out.data()), &size, reinterpret_cast<const Bytef*>(text.data()),
              text.size(), 9);
  out.resize(size);
  return out;
}

std::string zstd(const std::string& text) {
  std::string out(::ZSTD_compressBound(text.size()), '\0');
  out.resize(::ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 19));
  return out;
}

std::string xz(const std::string& text) {
  std::string out(::lzma_stream_buffer_bound(text.size()), '\0');
  std::size_t size = 0;
  ::lzma_easy_buffer_encode(6, LZMA_CHECK_CRC32, nullptr, reinterpret_cast<const std::uint8_t*>(text.data()),
                            text.size(), reinterpret_cast<std::uint8_t*>(out.data()), &size, out.size());
  out.resize(size);
  return out;
}

// Elf64_Chdr: type, reserved, size, alignment.
std::string chdr(std::uint32_t type, std::uint64_t size, const std::string& stream) {
  const std::uint32_t words[2] = {type, 0};
  const std::uint64_t numbers[2] = {size, 1};
  std::string out(reinterpret_cast<const char*>(words), sizeof words);
  out.append(reinterpret_cast<const char*>(numbers), sizeof numbers);
  return out + stream;
}

std::string zdebug(std::uint64_t size, const std::string& stream) {
  std::string out = "ZLIB";
  for (int shift = 56; shift >= 0; shift -= 8) {
    out += static_cast<char>(size >> shift);
  }
  return out + stream;
}

std::string text_of(const Result<SectionBytes>& result) {
  return result ? std::string(as_text(result->bytes())) : result.error().message();
}

TEST(Inflate, EachFormOfCompressionIsRead) {
  const std::string text(100'000, 'x');
  EXPECT_EQ(text_of(inflate_chdr(as_bytes(chdr(1, text.size(), zlib(text))), kMiB, "s")), text);
  EXPECT_EQ(text_of(inflate_chdr(as_bytes(chdr(2, text.size(), zstd(text))), kMiB, "s")), text);
  EXPECT_EQ(text_of(inflate_zdebug(as_bytes(zdebug(text.size(), zlib(text))), kMiB, "s")), text);
  EXPECT_EQ(text_of(inflate_xz(as_bytes(xz(text)), kMiB, "s")), text);
}

TEST(Inflate, ASizePastTheLimitIsRefusedBeforeMemoryIsTaken) {
  const std::string stream(64, '\0');
  for (const std::uint64_t size : {kMiB + 1, std::uint64_t{1} << 63, UINT64_MAX}) {
    EXPECT_THAT(text_of(inflate_chdr(as_bytes(chdr(1, size, stream)), kMiB, "s")), HasSubstr("claims"));
    EXPECT_THAT(text_of(inflate_chdr(as_bytes(chdr(2, size, stream)), kMiB, "s")), HasSubstr("claims"));
    EXPECT_THAT(text_of(inflate_zdebug(as_bytes(zdebug(size, stream)), kMiB, "s")), HasSubstr("claims"));
  }
}

TEST(Inflate, ASizeThatSoFewBytesCannotGrowToIsRefused) {
  EXPECT_THAT(text_of(inflate_chdr(as_bytes(chdr(1, 100 * kMiB, "12345678")), 200 * kMiB, "s")),
              HasSubstr("claims"));
}

TEST(Inflate, AStreamThatGrowsPastWhatItAnnouncedIsRefused) {
  const std::string text(100'000, 'x');
  EXPECT_THAT(text_of(inflate_chdr(as_bytes(chdr(1, 1000, zlib(text))), kMiB, "s")), HasSubstr("bad zlib"));
  EXPECT_THAT(text_of(inflate_chdr(as_bytes(chdr(2, 1000, zstd(text))), kMiB, "s")), HasSubstr("bad zstd"));
  EXPECT_THAT(text_of(inflate_zdebug(as_bytes(zdebug(1000, zlib(text))), kMiB, "s")), HasSubstr("bad zlib"));
}

TEST(Inflate, AnXzStreamThatGrowsPastTheLimitIsLeft) {
  const std::string bomb = xz(std::string(8 * kMiB, '\0'));
  EXPECT_LT(bomb.size(), 16u << 10);
  EXPECT_THAT(text_of(inflate_xz(as_bytes(bomb), kMiB, "s")), HasSubstr("more than 1048576 bytes"));
}

TEST(Inflate, CutStreamsAndHeadersAreErrors) {
  const std::string text = "some text that is compressed";
  const std::string whole = chdr(1, text.size(), zlib(text));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(inflate_chdr(as_bytes(std::string_view(whole).substr(0, size)), kMiB, "s")) << size;
  }
  const std::string packed = xz(text);
  for (std::size_t size = 0; size < packed.size(); ++size) {
    EXPECT_FALSE(inflate_xz(as_bytes(std::string_view(packed).substr(0, size)), kMiB, "s")) << size;
  }
}

TEST(Inflate, AnUnknownTypeIsAnError) {
  EXPECT_THAT(text_of(inflate_chdr(as_bytes(chdr(7, 8, "12345678")), kMiB, "s")),
              HasSubstr("compression type 7"));
}

}  // namespace
}  // namespace stoker::elf
