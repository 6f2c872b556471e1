#include "tests/replay/live_process.h"

#include <fmt/format.h>
#include <sys/uio.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "elf/address.h"
#include "elf/host_machine.h"

namespace stoker::replay {
namespace {

// Where the code of a frame is looked up: a return address belongs to the call before it.
std::uint64_t lookup_address(std::uint64_t frame) {
  return (frame & FRAME_EXACT) != 0 ? frame & ~FRAME_EXACT : frame - 1;
}

}  // namespace

LiveProcess::LiveProcess(pid_t pid) : HostProcess(elf::kHostMachine), pid_(pid) {
  refresh();
}

bool LiveProcess::read(std::uint64_t address, std::span<std::byte> out) {
  iovec local{out.data(), out.size()};
  iovec remote{reinterpret_cast<void*>(address), out.size()};
  if (::process_vm_readv(pid_, &local, 1, &remote, 1, 0) != static_cast<ssize_t>(out.size())) {
    return false;
  }
  for (std::size_t i = 0; keeping_ && i < out.size(); ++i) {
    kept_[address + i] = out[i];
  }
  return true;
}

LiveProcess::File* LiveProcess::open(const std::string& path, std::uint64_t start, std::uint64_t end) {
  auto& file = files_[path];
  if (file != nullptr) {
    return file.get();
  }
  file = std::make_unique<File>();
  file->name = std::filesystem::path(path).filename();
  std::ranges::replace_if(file->name, [](char c) { return c == ' '; }, '_');
  auto opened = [&] {
    if (path != "[vdso]") {
      return elf::ElfFile::open(fmt::format("/proc/{}/root{}", pid_, path));
    }
    file->image.resize(static_cast<std::size_t>(end - start));
    read(start, file->image);
    return elf::ElfFile::parse(file->image, path);
  }();
  if (opened) {
    file->elf = std::make_shared<elf::ElfFile>(*std::move(opened));
    file->tables = unwind::build_tables(*file->elf).value_or(unwind::UnwindTables{});
  }
  return file.get();
}

void LiveProcess::refresh() {
  areas_.clear();
  std::vector<HostMapping> mappings;
  std::ifstream maps(fmt::format("/proc/{}/maps", pid_));
  for (std::string line; std::getline(maps, line);) {
    std::istringstream fields(line);
    elf::MappedRange range;
    char dash = 0;
    std::string protection;
    std::string device;
    std::string inode;
    std::string path;
    fields >> std::hex >> range.start.value >> dash >> range.end.value >> protection >> range.offset.value >>
        device >> inode;
    std::getline(fields >> std::ws, path);
    if (range.start.value >> 63 != 0 || protection.size() < 3) {
      continue;
    }
    Area area{range.start.value, range.end.value, protection[0] == 'r', nullptr};
    if (protection[2] == 'x') {
      HostMapping mapping{area.start, area.end, MAP_FRAME_POINTER};
      if (path.starts_with('/') || path == "[vdso]") {
        area.file = open(path, area.start, area.end);
        mapping.kind = MAP_NONE;
        const elf::Segment* const segment =
            area.file->elf ? elf::shown_segment(range, area.file->elf->executable_segments()) : nullptr;
        const unwind::UnwindTable* const table =
            segment == nullptr ? nullptr : area.file->tables.find(segment->address);
        if (table != nullptr) {
          mapping = {area.start, area.end, MAP_TABLE, table,
                     area.start - range.offset.value + segment->offset.value - segment->address.value};
        }
      }
      mappings.push_back(mapping);
    }
    areas_.push_back(area);
  }
  set_mappings(std::move(mappings));
}

const LiveProcess::Area* LiveProcess::area_at(std::uint64_t address) const {
  const auto next = std::ranges::upper_bound(areas_, address, {}, &Area::start);
  return next == areas_.begin() || address >= std::prev(next)->end ? nullptr : &*std::prev(next);
}

unwind_rule LiveProcess::rule_at(std::uint64_t frame) {
  const auto place = find(lookup_address(frame));
  if (!place || place->row) {
    return UNWIND_NONE;
  }
  const auto row = place->table == nullptr ? std::nullopt : place->table->find(place->address);
  return row ? static_cast<unwind_rule>(row->rule) : UNWIND_FRAME_POINTER;
}

std::string LiveProcess::name_at(std::uint64_t frame) {
  const std::uint64_t address = lookup_address(frame);
  const Area* const area = area_at(address);
  const auto place = find(address);
  if (area == nullptr || area->file == nullptr || area->file->elf == nullptr || !place) {
    return {};
  }
  File& file = *area->file;
  if (file.symbols == nullptr) {
    using symbolize::SymbolTable;
    using symbolize::TableKind;
    file.symbols = std::make_unique<symbolize::SymbolIndex>(
        file.elf, std::vector{SymbolTable::read(file.elf, TableKind::kSymtab),
                              SymbolTable::read(file.elf, TableKind::kDynsym)});
  }
  const auto symbol = file.symbols->find(place->address);
  return symbol ? std::string(symbol->name) : std::string();
}

// The row at an address, its table and its mapping, unless the case has them.
void LiveProcess::add_row(std::uint64_t address, WalkCase& one) {
  const auto mapping = std::ranges::find_if(
      mappings(), [&](const HostMapping& m) { return address >= m.start && address < m.end; });
  if (mapping == mappings().end()) {
    return;
  }
  CaseMapping known{mapping->start, mapping->end, mapping->kind, {}, mapping->bias};
  if (mapping->kind == MAP_TABLE) {
    File& file = *area_at(address)->file;
    const unwind::UnwindTable& table = *mapping->table;
    known.table = fmt::format("{}@{:x}", file.name, table.start().value);
    auto of_case = std::ranges::find(one.tables, known.table, &CaseTable::name);
    if (of_case == one.tables.end()) {
      one.tables.push_back({known.table, table.start().value, table.end().value, {}});
      of_case = std::prev(one.tables.end());
    }
    auto& addresses = file.row_addresses[&table];
    if (addresses.empty()) {
      addresses = table.addresses();
    }
    const auto next = std::ranges::upper_bound(addresses, elf::ElfAddress{address - mapping->bias});
    CaseTable::Row row;
    row.from = std::prev(next)->value;
    row.to = next == addresses.end() ? table.end().value : next->value;
    row.row = table.rows()[static_cast<std::size_t>(next - addresses.begin()) - 1];
    row.row.address = 0;
    const auto at = std::ranges::lower_bound(of_case->rows, row.from, {}, &CaseTable::Row::from);
    if (at == of_case->rows.end() || at->from != row.from) {
      of_case->rows.insert(at, row);
    }
  }
  const auto at = std::ranges::lower_bound(one.mappings, known.start, {}, &CaseMapping::start);
  if (at == one.mappings.end() || at->start != known.start) {
    one.mappings.insert(at, std::move(known));
  }
}

WalkCase LiveProcess::make_case(const unwind::Registers& registers) {
  WalkCase one;
  one.machine = machine();
  one.registers = registers;
  kept_.clear();
  keeping_ = true;
  const Walked walked = walk_as_user_space(registers);
  keeping_ = false;
  one.end = walked.end;
  one.memory = std::move(kept_);
  for (const std::uint64_t frame : walked.frames) {
    one.frames.push_back({frame, name_at(frame)});
    add_row(lookup_address(frame), one);
    // A caller that no call made is first looked up as if one had: its row says what it is.
    if (one.frames.size() > 1) {
      add_row((frame & ~FRAME_EXACT) - 1, one);
    }
  }
  for (const Area& area : areas_) {
    const auto byte = one.memory.lower_bound(area.start);
    if (!area.readable || byte == one.memory.end() || byte->first >= area.end) {
      continue;
    }
    if (!one.readable.empty() && one.readable.back().second == area.start) {
      one.readable.back().second = area.end;
    } else {
      one.readable.emplace_back(area.start, area.end);
    }
  }
  return one;
}

}  // namespace stoker::replay
