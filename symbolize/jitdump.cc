#include "symbolize/jitdump.h"

#include <algorithm>
#include <utility>

#include "base/byte_reader.h"

namespace stoker::symbolize {
namespace {

constexpr std::uint32_t kMagic = 0x4A695444;  // "JiTD"
constexpr std::size_t kHeaderSize = 40;
constexpr std::size_t kRecordHeaderSize = 16;
constexpr std::uint32_t kLargestRecord = 64 << 20;
constexpr std::uint32_t kCodeLoad = 0;
constexpr std::uint32_t kCodeMove = 1;

void load(ByteReader& reader, CodeNames& names) {
  reader.u32();  // pid
  reader.u32();  // tid
  reader.u64();  // vma
  const std::uint64_t address = reader.u64();
  const std::uint64_t size = reader.u64();
  reader.u64();  // code_index
  const std::string_view name = reader.cstr();
  if (reader.ok()) {
    names.add(address, size, name);
  }
}

void move(ByteReader& reader, CodeNames& names) {
  reader.u32();  // pid
  reader.u32();  // tid
  reader.u64();  // vma
  const std::uint64_t from = reader.u64();
  const std::uint64_t to = reader.u64();
  const std::uint64_t size = reader.u64();
  if (reader.ok()) {
    const std::string name(names.find(from));
    names.add(to, size, name);
  }
}

}  // namespace

JitDump::JitDump(std::string path, uid_t owner, std::size_t most_bytes)
    : path_(std::move(path)), owner_(owner), names_(most_bytes) {}

std::size_t JitDump::parse_header(ByteView bytes) {
  ByteReader reader(bytes);
  const std::uint32_t magic = reader.u32();
  const std::uint32_t version = reader.u32();
  const std::uint32_t size = reader.u32();
  return reader.ok() && magic == kMagic && version == 1 && size >= kHeaderSize ? size : 0;
}

std::size_t JitDump::parse_records(ByteView bytes, CodeNames& names, bool& bad) {
  std::size_t consumed = 0;
  while (bytes.size() - consumed >= kRecordHeaderSize) {
    ByteReader header(bytes.subspan(consumed));
    const std::uint32_t id = header.u32();
    const std::uint32_t size = header.u32();
    if (size < kRecordHeaderSize || size > kLargestRecord) {
      bad = true;
      return consumed;
    }
    if (size > bytes.size() - consumed) {
      break;  // still being written
    }
    ByteReader reader(bytes.subspan(consumed + kRecordHeaderSize, size - kRecordHeaderSize));
    if (id == kCodeLoad) {
      load(reader, names);
    } else if (id == kCodeMove) {
      move(reader, names);
    }
    consumed += size;
  }
  return consumed;
}

Result<> JitDump::refresh(const TargetRoot& root) {
  FileState now;
  auto fd = open_target_file(root, path_, owner_, kLargest, now);
  if (!fd) {
    return std::unexpected(fd.error());
  }
  if (now.device != state_.device || now.inode != state_.inode || now.size < read_) {
    names_.clear();
    read_ = 0;
    bad_ = false;
  }
  state_ = now;
  if (read_ == 0) {
    std::string header;
    if (auto read = read_at(*fd, 0, kHeaderSize, header); !read) {
      return read;
    }
    read_ = parse_header(as_bytes(header));
    if (read_ == 0) {
      return make_error("cannot read " + root.path() + path_, "not a jitdump file");
    }
  }
  std::uint64_t piece = 4 << 20;
  while (!bad_ && read_ < now.size) {
    std::string text;
    if (auto read = read_at(*fd, read_, std::min(piece, now.size - read_), text); !read) {
      return read;
    }
    const std::size_t consumed = parse_records(as_bytes(text), names_, bad_);
    read_ += consumed;
    if (consumed == 0 && (text.size() < piece || piece > kLargestRecord)) {
      break;
    }
    piece = consumed == 0 ? piece * 2 : piece;  // a record longer than the piece
  }
  if (bad_) {
    return make_error("cannot read " + root.path() + path_ + " further", "a record has an impossible size");
  }
  return {};
}

}  // namespace stoker::symbolize
