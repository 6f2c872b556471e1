#include "base/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "base/sigbus.h"

namespace stoker {

Result<MappedFile> MappedFile::map(const UniqueFd& fd, const std::string& name) {
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) {
    return system_error("cannot read " + name, errno);
  }
  if (!S_ISREG(info.st_mode)) {
    return make_error("cannot read " + name, "not a regular file");
  }
  if (info.st_size == 0) {
    return MappedFile{};
  }
  const auto size = static_cast<std::size_t>(info.st_size);
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (data == MAP_FAILED) {
    return system_error("cannot map " + name, errno);
  }
  guard_against_sigbus();
  return MappedFile{static_cast<const std::byte*>(data), size};
}

Result<MappedFile> MappedFile::open(const std::string& path) {
  // O_NONBLOCK: opening a FIFO that stands in a file's place must not wait for a writer.
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) {
    return system_error("cannot open " + path, errno);
  }
  return map(fd, path);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) {
    ::munmap(const_cast<std::byte*>(data_), size_);
  }
}

void MappedFile::drop_pages() const {
  if (data_ != nullptr) {
    ::madvise(const_cast<std::byte*>(data_), size_, MADV_DONTNEED);
  }
}

Result<std::string> read_file(const std::string& path, std::size_t limit) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) {
    return system_error("cannot open " + path, errno);
  }
  std::string text;
  std::size_t used = 0;
  while (true) {
    text.resize(used + 16384);
    const ssize_t count = ::read(fd.get(), text.data() + used, text.size() - used);
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return system_error("cannot read " + path, errno);
    }
    if (count == 0) {
      break;
    }
    used += static_cast<std::size_t>(count);
    if (used > limit) {
      return make_error("cannot read " + path, "larger than " + std::to_string(limit) + " bytes");
    }
  }
  text.resize(used);
  return text;
}

}  // namespace stoker
