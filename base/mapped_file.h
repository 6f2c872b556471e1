// A whole file mapped read-only and private.
#pragma once

#include <string>

#include "base/bytes.h"
#include "base/error.h"
#include "base/unique_fd.h"

namespace stoker {

// Pages are read when touched, so a 2 GB debug file costs only what is looked at. If another process
// truncates the file meanwhile, touching a page past its end raises SIGBUS: base/sigbus.h turns that into
// zero bytes.
class MappedFile {
 public:
  // Regular files only (a FIFO or device given in place of one is an error); an empty file gives empty bytes.
  static Result<MappedFile> map(const UniqueFd& fd, const std::string& name);
  static Result<MappedFile> open(const std::string& path);

  MappedFile() = default;
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  ByteView bytes() const { return {data_, size_}; }

  // Gives the pages that were read back to the kernel; they are read again when touched.
  void drop_pages() const;

 private:
  MappedFile(const std::byte* data, std::size_t size) : data_(data), size_(size) {}

  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

// Reads a file whose size is not known before it is read (/proc, cgroup files), up to limit bytes; more is an
// error.
Result<std::string> read_file(const std::string& path, std::size_t limit = 16 << 20);

}  // namespace stoker
