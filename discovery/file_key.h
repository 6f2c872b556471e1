// What the kernel says of the file behind a mapping, before anybody has opened it.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/bytes.h"

namespace stoker::discovery {

// From a PERF_RECORD_MMAP2: either the build id, or device, inode and generation, never both
// (linux/perf_event.h, PERF_RECORD_MISC_MMAP_BUILD_ID). From /proc/PID/maps: device and inode. All zero: not
// a file. device is of the file system's super block and, on btrfs and overlayfs, not what stat() calls
// st_dev.
struct FileKey {
  static constexpr std::size_t kMostBuildId = 20;

  std::uint32_t major = 0;
  std::uint32_t minor = 0;
  std::uint64_t inode = 0;
  std::uint64_t generation = 0;  // 0: not known
  std::array<std::byte, kMostBuildId> build_id{};
  std::uint8_t build_id_size = 0;

  bool is_file() const { return inode != 0 || build_id_size != 0; }
  ByteView build_id_bytes() const {
    return ByteView(build_id).first(std::min<std::size_t>(build_id_size, kMostBuildId));
  }
  bool operator==(const FileKey&) const = default;
};

}  // namespace stoker::discovery
