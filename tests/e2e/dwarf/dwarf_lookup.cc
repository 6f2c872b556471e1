// Frames for addresses, for comparison with other tools.
//   dwarf_lookup [--debug FILE] [--supplementary FILE] [--package FILE] [--dwo no] [--repeat N] FILE < addresses
// Addresses are hexadecimal, one a line. For each: a line per frame, innermost first, of tab-separated linkage name,
// name, file, line and start line; then an empty line. --repeat reads the list N times and prints the last.
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "elf/elf_file.h"
#include "symbolize/dwarf/dwarf.h"

namespace {

using stoker::Result;
using stoker::elf::ElfFile;
using stoker::symbolize::dwarf::Dwarf;
using stoker::symbolize::dwarf::Frame;
using stoker::symbolize::dwarf::Inputs;

Result<std::shared_ptr<const ElfFile>> open_elf(const std::string& path) {
  auto file = ElfFile::open(path);
  if (!file) {
    return std::unexpected(file.error());
  }
  return std::make_shared<const ElfFile>(*std::move(file));
}

std::shared_ptr<const ElfFile> must_open(const std::string& path) {
  auto file = open_elf(path);
  if (!file) {
    fmt::print(stderr, "{}\n", file.error().message());
    std::exit(1);
  }
  return *std::move(file);
}

std::vector<std::uint64_t> read_addresses() {
  std::vector<std::uint64_t> addresses;
  std::string line;
  while (std::getline(std::cin, line)) {
    addresses.push_back(std::strtoull(line.c_str(), nullptr, 16));
  }
  return addresses;
}

}  // namespace

int main(int argc, char** argv) {
  std::map<std::string, std::string> options;
  std::string path;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument.starts_with("--") && i + 1 < argc) {
      options[argument] = argv[++i];
    } else {
      path = argument;
    }
  }
  Inputs inputs;
  inputs.main = must_open(path);
  inputs.debug = options.contains("--debug") ? must_open(options["--debug"]) : inputs.main;
  if (options.contains("--supplementary")) {
    inputs.supplementary = must_open(options["--supplementary"]);
  }
  if (options.contains("--package")) {
    inputs.package = must_open(options["--package"]);
  }
  if (!options.contains("--dwo")) {
    inputs.open_dwo = [](std::string_view directory, std::string_view name, std::uint64_t) {
      return open_elf(name.starts_with('/') ? std::string(name) : fmt::format("{}/{}", directory, name));
    };
  }
  auto dwarf = Dwarf::open(std::move(inputs));
  if (!dwarf) {
    fmt::print(stderr, "{}\n", dwarf.error().message());
    return 1;
  }
  const std::vector<std::uint64_t> addresses = read_addresses();
  std::vector<Frame> frames;
  const int repeats = options.contains("--repeat") ? std::atoi(options["--repeat"].c_str()) : 1;
  std::string text;
  for (int round = 1; round <= repeats; ++round) {
    for (const std::uint64_t address : addresses) {
      (*dwarf)->find({address}, frames);
      if (round < repeats) {
        continue;
      }
      text.clear();
      for (const Frame& frame : frames) {
        fmt::format_to(std::back_inserter(text), "{}\t{}\t{}\t{}\t{}\n", frame.linkage_name, frame.name,
                       frame.file, frame.line, frame.start_line);
      }
      text += '\n';
      std::fwrite(text.data(), 1, text.size(), stdout);
    }
  }
  if (options.contains("--memory")) {
    fmt::print(stderr, "{} bytes held\n", (*dwarf)->memory_bytes());
  }
  return 0;
}
