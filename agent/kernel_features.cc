#include "agent/kernel_features.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include <cerrno>
#include <cstdint>
#include <iterator>

#include "base/unique_fd.h"

namespace stoker::agent {
namespace {

bool growing_maps() {
  bpf_map_create_opts options{};
  options.sz = sizeof(options);
  options.map_flags = BPF_F_NO_PREALLOC;
  const UniqueFd map(
      ::bpf_map_create(BPF_MAP_TYPE_HASH, "try_growing", sizeof(std::uint32_t), 1, 1, &options));
  if (!map) {
    return true;
  }
  // r1 = map; r0 = 0; return. Older kernels refuse the mere mention of the map.
  bpf_insn program[4] = {};
  program[0].code = BPF_LD | BPF_DW;  // BPF_IMM is 0
  program[0].dst_reg = BPF_REG_1;
  program[0].src_reg = BPF_PSEUDO_MAP_FD;
  program[0].imm = map.get();
  program[2].code = BPF_ALU64 | BPF_MOV | BPF_K;
  program[3].code = BPF_JMP | BPF_EXIT;
  const UniqueFd loaded(
      ::bpf_prog_load(BPF_PROG_TYPE_PERF_EVENT, "try_growing", "GPL", program, std::size(program), nullptr));
  return loaded || errno != EINVAL;
}

}  // namespace

KernelFeatures kernel_features() {
  return {.growing_maps = growing_maps(),
          .task_pt_regs =
              ::libbpf_probe_bpf_helper(BPF_PROG_TYPE_PERF_EVENT, BPF_FUNC_task_pt_regs, nullptr) != 0};
}

}  // namespace stoker::agent
