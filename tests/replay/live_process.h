// A running process as the walkers see it, and what of it a walk has needed.
#pragma once

#include <sys/types.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "symbolize/symbol_index.h"
#include "tests/replay/host_process.h"
#include "tests/replay/walk_case.h"
#include "unwind/table_builder.h"

namespace stoker::replay {

class LiveProcess : public HostProcess {
 public:
  explicit LiveProcess(pid_t pid);

  // Reads the mappings again; opens files that are new.
  void refresh();

  // The process's memory now. While a case is being made, what is read is kept for it.
  bool read(std::uint64_t address, std::span<std::byte> out) override;

  // Rule of the row in force at a frame of a walk; UNWIND_FRAME_POINTER where there is no table.
  unwind_rule rule_at(std::uint64_t frame);
  // "function" of a frame, "" when no symbol covers it.
  std::string name_at(std::uint64_t frame);

  // The case of a thread that stands at these registers; about is left to the caller.
  WalkCase make_case(const unwind::Registers& registers);

 private:
  struct File {
    std::string name;
    std::vector<std::byte> image;  // of the vDSO
    std::shared_ptr<const elf::ElfFile> elf;
    unwind::UnwindTables tables;
    std::map<const unwind::UnwindTable*, std::vector<elf::ElfAddress>> row_addresses;  // those asked for
    std::unique_ptr<symbolize::SymbolIndex> symbols;                                   // once asked for
  };
  struct Area {
    std::uint64_t start;
    std::uint64_t end;
    bool readable;
    File* file;  // executable ones that a file backs; null otherwise
  };

  File* open(const std::string& path, std::uint64_t start, std::uint64_t end);
  const Area* area_at(std::uint64_t address) const;
  void add_row(std::uint64_t address, WalkCase& one);

  const pid_t pid_;
  std::map<std::string, std::unique_ptr<File>> files_;
  std::vector<Area> areas_;  // all of /proc/PID/maps
  bool keeping_ = false;
  std::map<std::uint64_t, std::byte> kept_;
};

}  // namespace stoker::replay
