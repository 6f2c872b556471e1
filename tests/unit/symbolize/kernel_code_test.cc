// BPF programs that were seen to be loaded, and may be gone from the kernel's list.
#include <gtest/gtest.h>

#include "symbolize/symbolizer.h"
#include "tests/unit/symbolize/temp_directory.h"

namespace stoker::symbolize {
namespace {

constexpr std::uint64_t kCode = 0xffffffffc0001000;

class KernelCode : public testing::Test {
 protected:
  KernelCode() {
    Options options;
    options.kallsyms_path = directory_.write("kallsyms",
                                             "ffffffff81000000 T first\nffffffff81000100 T last\n"
                                             "ffffffffc0000000 t bpf_prog_1_before\t[bpf]\n");
    symbolizer_ = std::make_unique<Symbolizer>(options);
  }
  std::string name(std::uint64_t address) {
    const auto frames = symbolizer_->symbolize_kernel(address);
    return frames.size() == 1 ? frames[0].function : "";
  }

  TempDirectory directory_;
  std::unique_ptr<Symbolizer> symbolizer_;
};

TEST_F(KernelCode, AProgramThatIsGoneFromTheListKeepsItsName) {
  EXPECT_EQ(name(kCode + 8), "bpf_prog_1_before") << "the list has no sizes";
  symbolizer_->add_kernel_code(kCode, 64, "bpf_prog_2_gone");
  EXPECT_EQ(name(kCode), "bpf_prog_2_gone");
  EXPECT_EQ(name(kCode + 63), "bpf_prog_2_gone");
  EXPECT_EQ(name(kCode + 64), "bpf_prog_1_before");
  EXPECT_EQ(symbolizer_->kernel_module(kCode), "bpf");
  symbolizer_->refresh_kernel();
  EXPECT_EQ(name(kCode + 63), "bpf_prog_2_gone") << "it stays when the list is read again";
}

TEST_F(KernelCode, ALaterProgramInItsPlaceTakesItsName) {
  symbolizer_->add_kernel_code(kCode, 64, "bpf_prog_2_old");
  EXPECT_EQ(name(kCode + 32), "bpf_prog_2_old");
  symbolizer_->add_kernel_code(kCode + 16, 64, "bpf_prog_3_new");
  EXPECT_EQ(name(kCode + 8), "bpf_prog_2_old");
  EXPECT_EQ(name(kCode + 32), "bpf_prog_3_new");
}

TEST_F(KernelCode, ProgramsWithoutEndTakeBoundedMemory) {
  for (std::uint64_t i = 0; i < 100'000; ++i) {
    symbolizer_->add_kernel_code(kCode + 64 * i, 64, "bpf_prog_" + std::to_string(i));
  }
  EXPECT_EQ(name(kCode + 64 * 99'999), "bpf_prog_99999");
  EXPECT_LE(symbolizer_->memory_bytes(), 2u << 20);
}

}  // namespace
}  // namespace stoker::symbolize
