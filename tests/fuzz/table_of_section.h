// What the fuzz targets of unwind sections share: a file made around the input, its table, and every address looked up.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "tests/unit/unwind/made_elf.h"
#include "unwind/table_builder.h"

namespace stoker::fuzz {

// A file with one section of the input's bytes, for one machine or the other. loaded: at an address of its own.
inline unwind::test::MadeElf file_around(const std::string& section, const std::uint8_t* data,
                                         std::size_t size, bool loaded) {
  unwind::test::MadeElf made;
  made.machine = size % 2 == 0 ? elf::Machine::kX86_64 : elf::Machine::kAarch64;
  const ByteView bytes = std::as_bytes(std::span(data, size));
  made.sections.push_back({section, loaded ? 0x100000U : 0U, loaded ? 2U : 0U, {bytes.begin(), bytes.end()}});
  return made;
}

// Traps if an address of a table has no row.
inline void build_and_look_up(const unwind::test::MadeElf& made) {
  const auto file_bytes = made.bytes();
  const auto file = elf::ElfFile::parse(file_bytes, "fuzz");
  if (!file) {
    return;
  }
  const auto tables = unwind::build_tables(*file);
  if (!tables) {
    return;
  }
  for (const unwind::UnwindTable& table : tables->segments) {
    for (std::uint64_t at = table.start().value; at < table.end().value; at += 1 + at % 5) {
      if (!table.find({at})) {
        __builtin_trap();
      }
    }
  }
}

}  // namespace stoker::fuzz
