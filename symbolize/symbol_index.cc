#include "symbolize/symbol_index.h"

#include <elf.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "symbolize/frame_ends.h"

namespace stoker::symbolize {
namespace {

constexpr unsigned kTableBits = 30;
constexpr std::size_t kMostTables = 4;

std::string_view without_version(std::string_view name) {
  const std::size_t at = name.find('@', 1);
  return at == std::string_view::npos ? name : name.substr(0, at);
}

std::size_t leading_underscores(std::string_view name) {
  return std::min(name.find_first_not_of('_'), name.size());
}

}  // namespace

struct SymbolIndex::Candidate {
  Symbol symbol;
  std::uint64_t end = 0;  // of a sized symbol, cut at its section's end
  int rank = 0;           // 0 exported with default version, 1 exported, 2 not
};

bool SymbolIndex::better(const Candidate& a, const Candidate& b) {
  const auto key = [](const Candidate& c, std::string_view name) {
    return std::tuple(c.rank, c.symbol.type == STT_NOTYPE, c.symbol.local, leading_underscores(name),
                      name.size(), name);
  };
  return key(a, without_version(a.symbol.name)) < key(b, without_version(b.symbol.name));
}

SymbolIndex::SymbolIndex(std::shared_ptr<const elf::ElfFile> main, std::vector<SymbolTable> tables)
    : main_(std::move(main)), tables_(std::move(tables)) {
  if (tables_.size() > kMostTables) {
    tables_.erase(tables_.begin() + kMostTables, tables_.end());
  }
  const auto add = [this](std::uint64_t start, std::uint64_t size) {
    if (size != 0 && start + size > start) {
      regions_.push_back({start, start + size});
    }
  };
  constexpr std::uint64_t kCode = SHF_ALLOC | SHF_EXECINSTR;
  for (const elf::Section& section : main_->sections()) {
    if ((section.flags & kCode) == kCode) {
      add(section.address.value, section.size);
    }
  }
  if (regions_.empty()) {
    for (const elf::Segment& segment : main_->executable_segments()) {
      add(segment.address.value, segment.size);
    }
  }
  std::ranges::sort(regions_, {}, &Region::start);
  for (std::size_t i = 1; i < regions_.size(); ++i) {
    regions_[i - 1].end = std::min(regions_[i - 1].end, regions_[i].start);
  }
  if (!regions_.empty()) {
    base_ = regions_.front().start;
    gather();
    settle();
  }
}

const SymbolIndex::Region* SymbolIndex::region_of(std::uint64_t address) const {
  auto after = std::ranges::upper_bound(regions_, address, {}, &Region::start);
  if (after == regions_.begin() || address >= (--after)->end) {
    return nullptr;
  }
  return &*after;
}

bool SymbolIndex::read(std::uint32_t reference, Candidate& candidate) const {
  const SymbolTable& table = tables_[reference >> kTableBits];
  if (!table.code_symbol(reference & ((1u << kTableBits) - 1), candidate.symbol)) {
    return false;
  }
  const Region* region = region_of(candidate.symbol.start);
  if (region == nullptr || candidate.symbol.start - base_ > UINT32_MAX) {
    return false;
  }
  const std::uint64_t room = region->end - candidate.symbol.start;
  candidate.end = candidate.symbol.start + std::min(candidate.symbol.size, room);
  candidate.rank = table.kind() != TableKind::kDynsym ? 2 : candidate.symbol.hidden_version ? 1 : 0;
  return true;
}

void SymbolIndex::gather() {
  Candidate candidate;
  std::size_t most = 0;
  for (const SymbolTable& table : tables_) {
    most += table.count();
  }
  entries_.reserve(most);
  for (std::uint32_t table = 0; table < tables_.size(); ++table) {
    for (std::uint32_t i = 0; i < tables_[table].count(); ++i) {
      const std::uint32_t reference = table << kTableBits | i;
      if (read(reference, candidate)) {
        entries_.push_back((candidate.symbol.start - base_) << 32 | reference);
      }
    }
  }
  std::ranges::sort(entries_);
}

// Turns all symbols, sorted by start, into stretches: each entry holds up to the next one's start or its
// symbol's end. open is the nest of symbols that cover the current address, outermost first.
void SymbolIndex::settle() {
  struct Open {
    std::uint64_t end;
    std::uint32_t reference;
  };
  std::vector<Open> open;
  std::vector<std::uint64_t> settled;
  std::vector<std::pair<Candidate, std::uint32_t>> group;
  settled.reserve(entries_.size());

  const auto emit = [&](std::uint64_t start, std::uint32_t reference) {
    const std::uint64_t entry = (start - base_) << 32 | reference;
    if (!settled.empty() && settled.back() >> 32 == entry >> 32) {
      settled.back() = entry;
    } else {
      settled.push_back(entry);
    }
  };
  const auto close_up_to = [&](std::uint64_t address) {
    while (!open.empty() && open.back().end <= address) {
      const std::uint64_t end = open.back().end;
      open.pop_back();
      if (!open.empty() && open.back().end > end) {
        emit(end, open.back().reference);
      }
    }
  };

  for (std::size_t next = 0; next < entries_.size();) {
    const std::uint64_t offset = entries_[next] >> 32;
    group.clear();
    for (; next < entries_.size() && entries_[next] >> 32 == offset; ++next) {
      auto& [candidate, reference] = group.emplace_back();
      reference = static_cast<std::uint32_t>(entries_[next]);
      read(reference, candidate);
    }
    // Outermost first; of one extent, the best name first.
    std::ranges::sort(group, [](const auto& a, const auto& b) {
      return a.first.end != b.first.end ? a.first.end > b.first.end : better(a.first, b.first);
    });
    close_up_to(base_ + offset);
    std::uint64_t last_end = 0;
    for (const auto& [candidate, reference] : group) {
      const bool sized = candidate.end != candidate.symbol.start;
      if (candidate.end == last_end || (!sized && !open.empty())) {
        continue;
      }
      last_end = candidate.end;
      emit(candidate.symbol.start, reference);
      if (sized) {
        open.push_back({candidate.end, reference});
      }
    }
  }
  close_up_to(UINT64_MAX);
  settled.shrink_to_fit();
  entries_ = std::move(settled);
}

std::uint64_t SymbolIndex::frame_end(std::uint64_t start) const {
  return end_of_frame(*main_, start).value_or(UINT64_MAX);
}

std::optional<SymbolIndex::Found> SymbolIndex::find(elf::ElfAddress address) const {
  if (address.value < base_ || address.value - base_ > UINT32_MAX) {
    return std::nullopt;
  }
  const std::uint64_t key = (address.value - base_) << 32 | UINT32_MAX;
  const auto after = std::ranges::upper_bound(entries_, key);
  if (after == entries_.begin()) {
    return std::nullopt;
  }
  Candidate candidate;
  if (!read(static_cast<std::uint32_t>(*(after - 1)), candidate)) {
    return std::nullopt;  // the file changed under us
  }
  const Symbol& symbol = candidate.symbol;
  std::uint64_t end = candidate.end;
  if (end == symbol.start) {
    end = std::min(region_of(symbol.start)->end, frame_end(symbol.start));
    if (after != entries_.end()) {
      end = std::min(end, base_ + (*after >> 32));
    }
  }
  if (address.value < symbol.start || address.value >= end) {
    return std::nullopt;
  }
  return Found{without_version(symbol.name), {symbol.start}, end - symbol.start, candidate.rank < 2};
}

std::size_t SymbolIndex::memory_bytes() const {
  return entries_.capacity() * sizeof(std::uint64_t) + regions_.capacity() * sizeof(Region);
}

}  // namespace stoker::symbolize
