#include "symbolize/code_names.h"

#include <iterator>

namespace stoker::symbolize {

void CodeNames::add(std::uint64_t start, std::uint64_t size, std::string_view name) {
  if (size == 0 || start + size < start || name.empty() || memory_bytes() + name.size() > most_bytes_ ||
      text_.size() + name.size() > UINT32_MAX) {
    return;
  }
  const std::uint64_t end = start + size;
  auto next = pieces_.lower_bound(start);
  if (next != pieces_.begin()) {
    const auto before = std::prev(next);
    const Piece piece = before->second;
    if (piece.end > start) {
      before->second.end = start;
      if (piece.end > end) {
        pieces_.emplace(end, piece);
      }
    }
  }
  while (next != pieces_.end() && next->first < end) {
    const Piece piece = next->second;
    next = pieces_.erase(next);
    if (piece.end > end) {
      pieces_.emplace(end, piece);
      break;
    }
  }
  const auto offset = static_cast<std::uint32_t>(text_.size());
  text_ += name;
  pieces_.insert_or_assign(start, Piece{end, offset, static_cast<std::uint32_t>(name.size())});
}

std::string_view CodeNames::find(std::uint64_t address) const {
  auto after = pieces_.upper_bound(address);
  if (after == pieces_.begin() || address >= (--after)->second.end) {
    return {};
  }
  return std::string_view(text_).substr(after->second.text, after->second.length);
}

void CodeNames::clear() {
  pieces_.clear();
  text_ = {};
}

std::size_t CodeNames::memory_bytes() const {
  constexpr std::size_t kNode = 64;
  return pieces_.size() * kNode + text_.capacity();
}

}  // namespace stoker::symbolize
