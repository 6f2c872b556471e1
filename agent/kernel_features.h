// What the running kernel lacks that the agent has a second way for.
#pragma once

namespace stoker::agent {

// Found out by trying, not from version numbers: distributions backport. Where the caller's rights forbid to try, the
// feature counts as there, and loading the programs tells what is wrong.
struct KernelFeatures {
  // Programs on perf events may use hash maps that take memory as they fill (Linux 6.1). Without it the maps are
  // smaller and take all their memory at once.
  bool growing_maps = true;
  // The helper bpf_task_pt_regs finds the registers that user space entered the kernel with (Linux 5.15). Without it
  // the program looks for them at the top of the kernel stack.
  bool task_pt_regs = true;
};

// Costs a few system calls.
KernelFeatures kernel_features();

}  // namespace stoker::agent
