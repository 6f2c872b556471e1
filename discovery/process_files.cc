// From an address in a process to a file.
#include <algorithm>
#include <ranges>
#include <utility>

#include "discovery/processes.h"

namespace stoker::discovery {
namespace {

constexpr std::uint64_t kRereadInterval = 1'000'000'000;
constexpr int kMostFutileRereads = 6;
constexpr std::uint64_t kRetryInterval = 1'000'000'000;
constexpr std::size_t kMostNeighbours = 4;

// In every x86-64 process at the same place, without a mapping of its own (arch/x86/include/uapi/asm/vsyscall.h).
constexpr elf::RunAddress kVsyscallStart{0xffffffffff600000};
constexpr elf::RunAddress kVsyscallEnd{0xffffffffff601000};

}  // namespace

Resolved ProcessTable::resolve(Process& process, elf::RunAddress address) {
  auto mapping = process.mappings.find(address);
  if (!mapping && !process.kernel_thread && !process.exited) {
    // A walk that went astray gives addresses that never are in a mapping: each futile look halves the trust.
    if (const MonotonicTime now = options_.now(); now >= process.next_reread) {
      refresh(process);
      mapping = process.mappings.find(address);
      process.futile_rereads = mapping ? 0 : std::min(process.futile_rereads + 1, kMostFutileRereads);
      process.next_reread = {now.ns + (kRereadInterval << process.futile_rereads)};
    }
  }
  if (!mapping) {
    if (address >= kVsyscallStart && address < kVsyscallEnd) {
      return {binaries_.without_file("[vsyscall]", ""), {address.value}, {kVsyscallStart, kVsyscallEnd, {0}}};
    }
    return {};
  }
  Resolved resolved{
      .binary = binary(process, *mapping), .address = {address.value}, .range = mapping->range()};
  const elf::FileOffset offset{address.value - mapping->start().value + mapping->offset().value};
  if (resolved.binary->elf != nullptr) {
    const auto in_elf = elf::to_elf(offset, resolved.binary->elf->executable_segments());
    resolved.address = in_elf ? *in_elf : elf::ElfAddress{offset.value};
  } else if (files_.at(mapping->file()).key.is_file()) {
    resolved.address = {offset.value};
  }
  return resolved;
}

elf::BinaryPtr ProcessTable::binary(Process& process, const Mapping& mapping) {
  const FileIndex index = mapping.file();
  const auto known = std::ranges::find(process.binaries, index, &std::pair<FileIndex, elf::BinaryPtr>::first);
  if (known != process.binaries.end()) {
    return known->second;
  }
  auto binary = open_file(process, mapping, index);
  if (binary == nullptr) {
    binary = binary_without_file(mapping, files_.at(index));
  }
  process.binaries.emplace_back(index, binary);
  return binary;
}

elf::BinaryPtr ProcessTable::binary_without_file(const Mapping& mapping, const MappedFileName& name) {
  if (!name.key.is_file() && name.path == "[vdso]") {
    return binaries_.vdso(mapping.end().value - mapping.start().value);
  }
  return binaries_.without_file(name.path, elf::to_hex(name.key.build_id_bytes()));
}

// Of a living process the file is looked at each time, so that nobody's file passes for another's by a forged build
// id. Of one that is gone, what the same name and key were found to be before is the best there is.
elf::BinaryPtr ProcessTable::open_file(const Process& process, const Mapping& mapping, FileIndex index) {
  MappedFileName& name = files_.at(index);
  if (!name.key.is_file()) {
    return nullptr;
  }
  const MonotonicTime now = options_.now();
  if (process.exited && (name.binary != nullptr || now < name.next_try)) {
    return name.binary;
  }
  const auto neighbours = neighbours_of(process);
  auto binary = binaries_.open({.path = name.path,
                                .key = name.key,
                                .pid = process.pid,
                                .range = mapping.range(),
                                .alive = !process.exited,
                                .neighbours = neighbours});
  if (binary != nullptr) {
    name.binary = binary;
  } else {
    name.next_try = {now.ns + kRetryInterval};
  }
  return binary != nullptr ? binary : name.binary;
}

std::vector<pid_t> ProcessTable::neighbours_of(const Process& process) const {
  std::vector<pid_t> neighbours;
  const auto add = [&](const Process& candidate) {
    if (candidate.pid != process.pid && !candidate.exited && !candidate.kernel_thread &&
        std::ranges::find(neighbours, candidate.pid) == neighbours.end()) {
      neighbours.push_back(candidate.pid);
    }
  };
  const Process* parent = find(process.parent);
  for (int generation = 0; parent != nullptr && generation < 2; ++generation) {
    add(*parent);
    parent = find(parent->parent);
  }
  const auto& container = process.container != nullptr ? process.container : process.inherited_container;
  if (container == nullptr || container->id.empty()) {
    return neighbours;
  }
  for (const auto& candidate : processes_ | std::views::values) {
    if (neighbours.size() >= kMostNeighbours) {
      break;
    }
    if (candidate->container == container) {
      add(*candidate);
    }
  }
  return neighbours;
}

void ProcessTable::collect_files(MonotonicTime now) {
  std::vector<bool> mapped(std::size_t{1} << 10);
  const auto mark = [&](FileIndex index) {
    if (index >= mapped.size()) {
      mapped.resize(std::max<std::size_t>(index + 1, mapped.size() * 2));
    }
    mapped[index] = true;
  };
  for (const auto& process : processes_ | std::views::values) {
    mark(process->first_file);
    process->mappings.for_each([&](const Mapping& mapping) { mark(mapping.file()); });
    for (const auto& [index, binary] : process->binaries) {
      mark(index);
    }
  }
  const auto keep_unused = static_cast<std::uint64_t>(options_.keep_unused_file.count());
  files_.collect([&](FileIndex index) {
    MappedFileName& name = files_.at(index);
    const bool recent = now.ns < name.last_used.ns + keep_unused;
    const bool used = index < mapped.size() && mapped[index];
    // A file that is mapped but that nobody samples can be opened again, through a process that maps it.
    if (used && !recent && name.binary.use_count() == 1) {
      name.binary = nullptr;
    }
    return used || recent;
  });
  binaries_.sweep();
  std::erase_if(containers_, [](const auto& entry) { return entry.second.expired(); });
}

}  // namespace stoker::discovery
