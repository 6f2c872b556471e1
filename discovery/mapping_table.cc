#include "discovery/mapping_table.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

namespace stoker::discovery {
namespace {

constexpr std::uint64_t kMostPages = (std::uint64_t{1} << 40) - 1;

// The chunk that holds the address, or would.
template <typename Chunks>
std::size_t chunk_of(const Chunks& chunks, elf::RunAddress address) {
  const auto after =
      std::ranges::upper_bound(chunks, address, {}, [](const auto& chunk) { return chunk.front().start(); });
  return after == chunks.begin() ? 0 : static_cast<std::size_t>(after - chunks.begin()) - 1;
}

Mapping part_of(const Mapping& whole, elf::RunAddress start, elf::RunAddress end) {
  return {start, end, {whole.offset().value + (start.value - whole.start().value)}, whole.file()};
}

}  // namespace

Mapping::Mapping(elf::RunAddress start, elf::RunAddress end, elf::FileOffset offset, FileIndex file)
    : start_(start.value >> kPageBits << kPageBits), file_(file & kMostFiles) {
  constexpr std::uint64_t kLastPage = (std::uint64_t{1} << (64 - kPageBits)) - 1;
  const std::uint64_t partial = (end.value & ((1u << kPageBits) - 1)) != 0 ? 1 : 0;
  const std::uint64_t end_page = std::min((end.value >> kPageBits) + partial, kLastPage);
  const std::uint64_t start_page = start_ >> kPageBits;
  pages_ = end_page > start_page ? std::min(end_page - start_page, kMostPages) : 0;
  offset_ = offset.value - (start.value - start_);
}

MappingTable::Body& MappingTable::own_body() {
  if (body_ == nullptr) {
    body_ = std::make_shared<Body>();
  } else if (body_.use_count() > 1) {
    body_ = std::make_shared<Body>(*body_);
  }
  return *body_;
}

void MappingTable::cut(Body& body, elf::RunAddress start, elf::RunAddress end) {
  auto& chunks = body.chunks;
  const std::size_t first = chunks.empty() ? 0 : chunk_of(chunks, start);
  std::size_t last = first;
  for (; last < chunks.size() && chunks[last].front().start() < end; ++last) {
    Chunk& chunk = chunks[last];
    const auto from = std::ranges::upper_bound(chunk, start, {}, &Mapping::end);
    const auto to = std::ranges::lower_bound(from, chunk.end(), end, {}, &Mapping::start);
    if (from == to) {
      continue;
    }
    std::array<Mapping, 2> rest;
    std::size_t rest_count = 0;
    if (from->start() < start) {
      rest[rest_count++] = part_of(*from, from->start(), start);
    }
    if (const Mapping& overlapped = *std::prev(to); overlapped.end() > end) {
      rest[rest_count++] = part_of(overlapped, end, overlapped.end());
    }
    body.size = body.size - static_cast<std::size_t>(to - from) + rest_count;
    const auto position = chunk.erase(from, to);
    chunk.insert(position, rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(rest_count));
  }
  const auto begin = chunks.begin() + static_cast<std::ptrdiff_t>(first);
  const auto end_of_cut = chunks.begin() + static_cast<std::ptrdiff_t>(last);
  chunks.erase(std::remove_if(begin, end_of_cut, [](const Chunk& chunk) { return chunk.empty(); }),
               end_of_cut);
}

void MappingTable::place(Body& body, const Mapping& mapping) {
  auto& chunks = body.chunks;
  ++body.size;
  if (chunks.empty()) {
    chunks.push_back({mapping});
    return;
  }
  const std::size_t index = chunk_of(chunks, mapping.start());
  const auto chunk_position = chunks.begin() + static_cast<std::ptrdiff_t>(index);
  Chunk& chunk = *chunk_position;
  const auto position = std::ranges::upper_bound(chunk, mapping.start(), {}, &Mapping::start);
  if (chunk.size() < kChunk) {
    chunk.insert(position, mapping);
    return;
  }
  // Mappings mostly come in order, upwards from /proc and downwards from mmap: then chunks fill up whole.
  if (position == chunk.end()) {
    chunks.insert(std::next(chunk_position), Chunk{mapping});
    return;
  }
  if (position == chunk.begin()) {
    chunks.insert(chunk_position, Chunk{mapping});
    return;
  }
  const auto offset = position - chunk.begin();
  const auto middle = static_cast<std::ptrdiff_t>(kChunk / 2);
  Chunk upper(chunk.begin() + middle, chunk.end());
  chunk.resize(kChunk / 2);
  Chunk& target = offset <= middle ? chunk : upper;
  target.insert(target.begin() + (offset <= middle ? offset : offset - middle), mapping);
  chunks.insert(std::next(chunk_position), std::move(upper));
}

void MappingTable::insert(const Mapping& mapping) {
  if (mapping.start() >= mapping.end()) {
    return;
  }
  Body& body = own_body();
  cut(body, mapping.start(), mapping.end());
  place(body, mapping);
}

std::optional<Mapping> MappingTable::find(elf::RunAddress address) const {
  if (body_ == nullptr || body_->chunks.empty()) {
    return std::nullopt;
  }
  const Chunk& chunk = body_->chunks[chunk_of(body_->chunks, address)];
  const auto after = std::ranges::upper_bound(chunk, address, {}, &Mapping::start);
  if (after == chunk.begin() || !std::prev(after)->holds(address)) {
    return std::nullopt;
  }
  return *std::prev(after);
}

std::size_t MappingTable::size() const {
  return body_ == nullptr ? 0 : body_->size;
}

std::size_t MappingTable::memory() const {
  if (body_ == nullptr) {
    return 0;
  }
  std::size_t bytes = sizeof(Body) + body_->chunks.capacity() * sizeof(Chunk);
  for (const Chunk& chunk : body_->chunks) {
    bytes += chunk.capacity() * sizeof(Mapping);
  }
  return bytes;
}

}  // namespace stoker::discovery
