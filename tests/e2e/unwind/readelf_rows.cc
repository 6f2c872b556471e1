#include "tests/e2e/unwind/readelf_rows.h"

#include <array>
#include <sstream>
#include <string_view>

namespace stoker::unwind::test {
namespace {

constexpr std::array<std::string_view, 17> kX86Names = {"rax", "rdx", "rcx", "rbx", "rsi", "rdi",
                                                        "rbp", "rsp", "r8",  "r9",  "r10", "r11",
                                                        "r12", "r13", "r14", "r15", "rip"};

// "r9 (r9)" is one value of two words.
std::vector<std::string> split(const std::string& line) {
  std::vector<std::string> words;
  std::istringstream stream(line);
  for (std::string word; stream >> word;) {
    if (!word.empty() && word[0] == '(' && !words.empty()) {
      words.back() += word;
    } else {
      words.push_back(word);
    }
  }
  return words;
}

}  // namespace

int dwarf_number(const std::string& name) {
  for (std::size_t i = 0; i < kX86Names.size(); ++i) {
    if (kX86Names[i] == name) {
      return static_cast<int>(i);
    }
  }
  if (name == "sp") {
    return 31;
  }
  if (name.size() > 1 && name[0] == 'x' && name.find_first_not_of("0123456789", 1) == std::string::npos) {
    return std::stoi(name.substr(1));
  }
  return -1;
}

ReadelfRows::ReadelfRows(const std::string& file)
    : pipe_(popen(("readelf --debug-dump=frames-interp,no-follow-links '" + file + "' 2>/dev/null").c_str(),
                  "r")) {}

bool ReadelfRows::read_line() {
  if (held_) {
    held_ = false;
    return true;
  }
  line_.clear();
  for (int c = std::fgetc(pipe_.get()); c != EOF; c = std::fgetc(pipe_.get())) {
    if (c == '\n') {
      return true;
    }
    line_ += static_cast<char>(c);
  }
  return !line_.empty();
}

void ReadelfRows::read_header() {
  columns_.clear();
  const auto words = split(line_);
  for (std::size_t i = 2; i < words.size(); ++i) {
    // The return address's column is named "ra" whatever register it is: 16 on x86-64, 30 on aarch64.
    columns_.push_back(words[i] == "ra" ? -2 : dwarf_number(words[i]));
  }
}

void ReadelfRows::read_row(TruthFde& fde) const {
  const auto words = split(line_);
  TruthRow row;
  row.location = std::stoull(words[0], nullptr, 16);
  row.cfa = words.at(1);
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const std::string& value = words.at(i + 2);
    if (columns_[i] == -2) {
      row.registers[row.cfa.find('r') != std::string::npos || row.cfa == "exp" ? 16 : 30] = value;
    } else if (columns_[i] >= 0) {
      row.registers[static_cast<unsigned>(columns_[i])] = value;
    }
  }
  if (!fde.rows.empty() && fde.rows.back().location == row.location) {
    fde.rows.pop_back();
  }
  fde.rows.push_back(std::move(row));
}

std::optional<TruthFde> ReadelfRows::next() {
  std::optional<TruthFde> fde;
  while (pipe_ != nullptr && read_line()) {
    if (line_.starts_with("Contents of the ")) {
      eh_frame_ = line_.find("eh_frame") != std::string::npos;
      continue;
    }
    const auto at = line_.find(" FDE ");
    const bool other = line_.find(" CIE ") != std::string::npos;
    if (at != std::string::npos || other) {
      if (fde) {
        held_ = true;
        return fde;
      }
      if (other) {
        continue;
      }
      fde.emplace();
      fde->eh_frame = eh_frame_;
      fde->offset = std::stoull(line_, nullptr, 16);
      const auto pc = line_.find("pc=");
      const auto dots = line_.find("..", pc);
      fde->start = std::stoull(line_.substr(pc + 3), nullptr, 16);
      fde->end = std::stoull(line_.substr(dots + 2), nullptr, 16);
      continue;
    }
    if (line_.starts_with("   LOC")) {
      read_header();
    } else if (fde && line_.size() > 17 && line_[16] == ' ' &&
               line_.find_first_not_of("0123456789abcdef") == 16) {
      read_row(*fde);
    }
  }
  return fde;
}

}  // namespace stoker::unwind::test
