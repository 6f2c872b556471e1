#include "agent/stack_packer.h"

#include <zstd.h>

namespace stoker::agent {
namespace {

constexpr int kFastest = -1;

}  // namespace

struct StackPacker::Contexts {
  std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> pack{ZSTD_createCCtx(), &ZSTD_freeCCtx};
  std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> unpack{ZSTD_createDCtx(), &ZSTD_freeDCtx};
};

StackPacker::StackPacker() = default;
StackPacker::~StackPacker() = default;

StackPacker::Contexts& StackPacker::contexts() {
  if (!contexts_) {
    contexts_ = std::make_unique<Contexts>();
  }
  return *contexts_;
}

std::vector<std::byte> StackPacker::pack(ByteView stack) {
  std::vector<std::byte> packed(ZSTD_compressBound(stack.size()));
  const std::size_t size = ZSTD_compressCCtx(contexts().pack.get(), packed.data(), packed.size(),
                                             stack.data(), stack.size(), kFastest);
  packed.resize(ZSTD_isError(size) != 0 ? 0 : size);  // none, within the bound, but for want of memory
  packed.shrink_to_fit();
  return packed;
}

std::vector<std::byte> StackPacker::unpack(ByteView packed, std::size_t size) {
  std::vector<std::byte> stack(size);
  ZSTD_decompressDCtx(contexts().unpack.get(), stack.data(), stack.size(), packed.data(), packed.size());
  return stack;
}

void StackPacker::rest() {
  contexts_.reset();
}

}  // namespace stoker::agent
