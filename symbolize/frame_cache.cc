#include "symbolize/frame_cache.h"

#include <algorithm>
#include <cstring>

namespace stoker::symbolize {
namespace {

constexpr std::size_t kFirstSlots = 1024;

std::uint32_t narrow(std::int64_t line) {
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(line, 0, UINT32_MAX));
}

}  // namespace

FrameCache::FrameCache(std::uint64_t limit_bytes)
    : limit_(std::min<std::uint64_t>(limit_bytes, UINT32_MAX / 2)),
      texts_(0, TextHash{this}, TextEqual{this}) {
  clear();
}

void FrameCache::clear() {
  slots_.assign(kFirstSlots, {});
  slots_.shrink_to_fit();
  used_ = 0;
  frames_ = {};
  text_ = std::string(sizeof(std::uint32_t), '\0');  // the empty text, at 0
  texts_ = decltype(texts_)(0, TextHash{this}, TextEqual{this});
}

std::size_t FrameCache::memory_bytes() const {
  constexpr std::size_t kNode = 32;  // of a set's element, with its bucket
  return slots_.capacity() * sizeof(Slot) + frames_.capacity() * sizeof(Frame) + text_.capacity() +
         texts_.size() * kNode;
}

std::string_view FrameCache::text(std::uint32_t offset) const {
  std::uint32_t length = 0;
  std::memcpy(&length, text_.data() + offset, sizeof length);
  return std::string_view(text_).substr(offset + sizeof length, length);
}

std::uint32_t FrameCache::intern(std::string_view text) {
  if (text.empty()) {
    return 0;
  }
  if (const auto found = texts_.find(text); found != texts_.end()) {
    return *found;
  }
  const auto offset = static_cast<std::uint32_t>(text_.size());
  const auto length = static_cast<std::uint32_t>(text.size());
  text_.append(reinterpret_cast<const char*>(&length), sizeof length);
  text_.append(text);
  texts_.insert(offset);
  return offset;
}

std::size_t FrameCache::place_of(std::uint32_t file, std::uint64_t address) const {
  const std::uint64_t hash = (address ^ std::uint64_t{file} << 40) * 0x9e3779b97f4a7c15u;
  std::size_t place = (hash >> 20) & (slots_.size() - 1);
  while (slots_[place].file != 0 && (slots_[place].file != file || slots_[place].address != address)) {
    place = (place + 1) & (slots_.size() - 1);
  }
  return place;
}

void FrameCache::grow() {
  std::vector<Slot> old(slots_.size() * 2);
  old.swap(slots_);
  for (const Slot& slot : old) {
    if (slot.file != 0) {
      slots_[place_of(slot.file, slot.address)] = slot;
    }
  }
}

std::optional<std::size_t> FrameCache::find(std::uint32_t file, std::uint64_t address,
                                            std::vector<SourceFrame>& out) const {
  const Slot& slot = slots_[place_of(file, address)];
  if (slot.file == 0) {
    return std::nullopt;
  }
  if (out.size() < slot.count) {
    out.resize(slot.count);
  }
  for (std::size_t i = 0; i < slot.count; ++i) {
    const Frame& frame = frames_[slot.first + i];
    out[i].function = text(frame.function);
    out[i].system_name = text(frame.system_name);
    out[i].file = text(frame.file);
    out[i].line = frame.line;
    out[i].start_line = frame.start_line;
  }
  return slot.count;
}

void FrameCache::insert(std::uint32_t file, std::uint64_t address, std::span<const SourceFrame> frames) {
  if (memory_bytes() > limit_) {
    clear();
  }
  if ((used_ + 1) * 4 > slots_.size() * 3) {
    grow();
  }
  Slot slot{address, file, static_cast<std::uint32_t>(frames_.size()),
            static_cast<std::uint32_t>(frames.size())};
  for (const SourceFrame& frame : frames) {
    frames_.push_back({intern(frame.function), intern(frame.system_name), intern(frame.file),
                       narrow(frame.line), narrow(frame.start_line)});
  }
  Slot& place = slots_[place_of(file, address)];
  used_ += place.file == 0 ? 1 : 0;
  place = slot;
}

}  // namespace stoker::symbolize
