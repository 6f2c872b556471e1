#include "profile/frame_kind.h"

#include <algorithm>
#include <array>

namespace stoker::profile {

FrameKind infer_kind(std::string_view mapping_path, std::uint64_t address, std::string_view name) {
  if (mapping_path.empty()) {
    return name.starts_with('[') ? FrameKind::kMarker : FrameKind::kNative;
  }
  if (!mapping_path.starts_with('[')) {
    return FrameKind::kNative;
  }
  // Both x86-64 and aarch64 Linux keep the upper half of the address space for the kernel; "[ext4]" is a
  // module.
  constexpr std::uint64_t kUpperHalf = 1ull << 63;
  if (mapping_path.starts_with("[kernel") || address >= kUpperHalf) {
    return FrameKind::kKernel;
  }
  // Names in brackets that the kernel gives to memory of a process (proc_pid_maps(5)).
  static constexpr std::array<std::string_view, 7> kOfProcess = {"[vdso",  "[vsyscall", "[vvar",   "[heap",
                                                                 "[stack", "[anon",     "[unknown"};
  const bool native = std::ranges::any_of(
      kOfProcess, [&](std::string_view start) { return mapping_path.starts_with(start); });
  return native ? FrameKind::kNative : FrameKind::kRuntime;
}

}  // namespace stoker::profile
