#include "discovery/file_table.h"

#include <utility>

namespace stoker::discovery {
namespace {

void mix(std::size_t& hash, std::uint64_t value) {
  hash ^= value + 0x9e3779b97f4a7c15 + (hash << 6) + (hash >> 2);
}

std::size_t hash_name(std::string_view path, const FileKey& key) {
  std::size_t hash = std::hash<std::string_view>{}(path);
  mix(hash, key.inode);
  mix(hash, std::uint64_t{key.major} << 32 | key.minor);
  mix(hash, key.generation);
  mix(hash, std::hash<std::string_view>{}(as_text(key.build_id_bytes())));
  return hash;
}

std::string_view shown_path(std::string_view path) {
  constexpr std::string_view kDeleted = " (deleted)";
  if (path.ends_with(kDeleted)) {
    path.remove_suffix(kDeleted.size());
  }
  return path.empty() || path == "//anon" ? "[anon]" : path;
}

}  // namespace

std::size_t FileTable::Hash::operator()(FileIndex index) const {
  return hash_name(table->files_[index].path, table->files_[index].key);
}
std::size_t FileTable::Hash::operator()(const Lookup& lookup) const {
  return hash_name(lookup.path, *lookup.key);
}
bool FileTable::Equal::operator()(const Lookup& lookup, FileIndex index) const {
  return table->files_[index].path == lookup.path && table->files_[index].key == *lookup.key;
}

FileTable::FileTable() : files_(1), by_name_(16, Hash{this}, Equal{this}) {}

FileIndex FileTable::intern(std::string_view path, const FileKey& key, bool& added) {
  const Lookup lookup{shown_path(path), &key};
  added = false;
  if (const auto found = by_name_.find(lookup); found != by_name_.end()) {
    return *found;
  }
  FileIndex index = 0;
  if (!free_.empty()) {
    index = free_.back();
    free_.pop_back();
  } else if (files_.size() <= Mapping::kMostFiles) {
    index = static_cast<FileIndex>(files_.size());
    files_.emplace_back();
  } else {
    return 0;
  }
  files_[index].path = lookup.path;
  files_[index].key = key;
  by_name_.insert(index);
  added = true;
  return index;
}

void FileTable::collect(const std::function<bool(FileIndex)>& keep) {
  for (auto entry = by_name_.begin(); entry != by_name_.end();) {
    const FileIndex index = *entry;
    if (keep(index)) {
      ++entry;
      continue;
    }
    entry = by_name_.erase(entry);
    files_[index] = {};
    free_.push_back(index);
  }
}

std::size_t FileTable::memory() const {
  constexpr std::size_t kNode = 32;
  std::size_t bytes = files_.capacity() * sizeof(MappedFileName) + free_.capacity() * sizeof(FileIndex) +
                      by_name_.size() * kNode + by_name_.bucket_count() * sizeof(void*);
  for (const MappedFileName& file : files_) {
    bytes += file.path.capacity() > 15 ? file.path.capacity() + 1 : 0;
  }
  return bytes;
}

}  // namespace stoker::discovery
