#include "agent/stack_packer.h"

#include <gtest/gtest.h>

namespace stoker::agent {
namespace {

std::vector<std::byte> stack_of(std::size_t size) {
  std::vector<std::byte> stack(size);
  for (std::size_t i = 0; i < size; i += 40) {
    stack[i] = static_cast<std::byte>(i * 7 >> 3);
  }
  return stack;
}

TEST(StackPacker, GivesBackWhatItTook) {
  StackPacker packer;
  for (const std::size_t size : {std::size_t{0}, std::size_t{8}, std::size_t{4096}, std::size_t{65536}}) {
    const std::vector<std::byte> stack = stack_of(size);
    const std::vector<std::byte> packed = packer.pack(stack);
    EXPECT_EQ(packer.unpack(packed, stack.size()), stack);
    packer.rest();
  }
}

TEST(StackPacker, AStackTakesLittle) {
  StackPacker packer;
  EXPECT_LT(packer.pack(stack_of(65536)).size(), 65536U / 4);
}

}  // namespace
}  // namespace stoker::agent
