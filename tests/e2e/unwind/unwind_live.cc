// unwind_live PID [SAMPLES]: stops a process again and again, walks every thread's stack on our tables, and compares
// with what elfutils' eu-stack says of the same stopped thread. Prints each difference and, at the end, how many stacks
// ended at a root, were cut (by reason), and differed. For work on the walker; needs the right to ptrace, and eu-stack.

#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <string>

#include "unwind/walker.h"

namespace stoker::unwind {
namespace {

struct File {
  std::vector<std::byte> image;  // of the vDSO
  std::optional<elf::ElfFile> elf;
  UnwindTables tables;
};

class LiveProcess : public WalkSource {
 public:
  explicit LiveProcess(pid_t pid) : pid_(pid) { read_maps(); }

  bool read(std::uint64_t address, std::span<std::byte> out) override {
    iovec local{out.data(), out.size()};
    iovec remote{reinterpret_cast<void*>(address), out.size()};
    return process_vm_readv(pid_, &local, 1, &remote, 1, 0) == static_cast<ssize_t>(out.size());
  }

  std::optional<CodePlace> find(std::uint64_t pc) override {
    for (const Mapping& mapping : mappings_) {
      if (pc < mapping.range.start.value || pc >= mapping.range.end.value) {
        continue;
      }
      File* file = load(mapping);
      if (file == nullptr || !file->elf) {
        return CodePlace{};
      }
      const auto offset = elf::to_offset({pc}, mapping.range);
      const auto address = offset ? elf::to_elf(*offset, file->elf->executable_segments()) : std::nullopt;
      const UnwindTable* table = address ? file->tables.find(*address) : nullptr;
      return table == nullptr ? CodePlace{} : CodePlace{std::nullopt, table, *address};
    }
    return std::nullopt;
  }

 private:
  struct Mapping {
    elf::MappedRange range;
    std::string path;
  };

  void read_maps() {
    std::ifstream maps("/proc/" + std::to_string(pid_) + "/maps");
    for (std::string line; std::getline(maps, line);) {
      std::istringstream fields(line);
      std::uint64_t start = 0;
      std::uint64_t end = 0;
      std::uint64_t offset = 0;
      char dash = 0;
      std::string protection;
      std::string device;
      std::string inode;
      std::string path;
      fields >> std::hex >> start >> dash >> end >> protection >> offset >> device >> inode >> path;
      if (protection.size() > 2 && protection[2] == 'x') {
        mappings_.push_back({{{start}, {end}, {offset}}, path});
      }
    }
  }

  File* load(const Mapping& mapping) {
    if (mapping.path.empty()) {
      return nullptr;
    }
    auto& file = files_[mapping.path];
    if (file == nullptr) {
      file = std::make_unique<File>();
      if (mapping.path == "[vdso]") {
        file->image.resize(mapping.range.end.value - mapping.range.start.value);
        read(mapping.range.start.value, file->image);
        if (auto parsed = elf::ElfFile::parse(file->image, "[vdso]")) {
          file->elf = *std::move(parsed);
        }
      } else if (auto opened = elf::ElfFile::open("/proc/" + std::to_string(pid_) + "/root" + mapping.path)) {
        file->elf = *std::move(opened);
      }
      if (file->elf) {
        file->tables = build_tables(*file->elf).value_or(UnwindTables{});
      }
    }
    return file.get();
  }

  pid_t pid_;
  std::vector<Mapping> mappings_;
  std::map<std::string, std::unique_ptr<File>> files_;
};

std::optional<Registers> registers_of(pid_t tid) {
  if (ptrace(PTRACE_SEIZE, tid, 0, 0) != 0) {
    return std::nullopt;
  }
  ptrace(PTRACE_INTERRUPT, tid, 0, 0);
  int status = 0;
  waitpid(tid, &status, __WALL);
  user_regs_struct regs{};
  std::optional<Registers> found;
  if (ptrace(PTRACE_GETREGS, tid, 0, &regs) == 0) {
    found.emplace();
    const std::uint64_t by_dwarf[] = {regs.rax, regs.rdx, regs.rcx, regs.rbx, regs.rsi, regs.rdi,
                                      regs.rbp, regs.rsp, regs.r8,  regs.r9,  regs.r10, regs.r11,
                                      regs.r12, regs.r13, regs.r14, regs.r15, regs.rip};
    for (unsigned i = 0; i < 17; ++i) {
      found->set(i, by_dwarf[i]);
    }
  }
  ptrace(PTRACE_DETACH, tid, 0, 0);
  return found;
}

// Addresses by thread, as eu-stack prints them: "TID 12:" and "#0  0x00007f… name".
std::map<pid_t, std::vector<std::uint64_t>> eu_stack(pid_t pid) {
  std::map<pid_t, std::vector<std::uint64_t>> stacks;
  std::FILE* pipe = popen(("eu-stack -n 0 -p " + std::to_string(pid) + " 2>/dev/null").c_str(), "r");
  char line[4096];
  pid_t tid = 0;
  while (pipe != nullptr && std::fgets(line, sizeof line, pipe) != nullptr) {
    unsigned long long address = 0;
    int number = 0;
    if (std::sscanf(line, "TID %d:", &number) == 1) {
      tid = number;
    } else if (std::sscanf(line, "#%d %llx", &number, &address) == 2) {
      stacks[tid].push_back(address);
    }
  }
  if (pipe != nullptr) {
    pclose(pipe);
  }
  return stacks;
}

bool stopped(pid_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(stat, text);
  const auto at = text.rfind(") ");
  return at != std::string::npos && (text[at + 2] == 'T' || text[at + 2] == 't');
}

int run(pid_t pid, int samples) {
  LiveProcess process(pid);
  std::map<std::string, int> ends;
  int shorter = 0;
  int different = 0;
  int longer = 0;
  int equal = 0;
  for (int i = 0; i < samples; ++i) {
    usleep(static_cast<useconds_t>(1000 + std::rand() % 20000));
    if (kill(pid, SIGSTOP) != 0) {
      break;
    }
    for (int wait = 0; wait < 1000 && !stopped(pid); ++wait) {
      usleep(1000);
    }
    std::map<pid_t, Walk> walks;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
      const pid_t tid = std::atoi(entry.path().filename().c_str());
      if (const auto registers = registers_of(tid)) {
        walks[tid] = walk(*registers, process);
      }
    }
    const auto truth = eu_stack(pid);
    kill(pid, SIGCONT);
    for (const auto& [tid, walked] : walks) {
      ++ends[to_string(walked.end)];
      const auto found = truth.find(tid);
      const std::vector<std::uint64_t> expected =
          found == truth.end() ? std::vector<std::uint64_t>{} : found->second;
      std::size_t same = 0;
      while (same < walked.frames.size() && same < expected.size() &&
             walked.frames[same].pc == expected[same]) {
        ++same;
      }
      const bool ours_ends = same == walked.frames.size();
      const bool theirs_ends = same == expected.size();
      int& count = ours_ends && theirs_ends ? equal : theirs_ends ? longer : ours_ends ? shorter : different;
      ++count;
      if (!(ours_ends && theirs_ends) || !is_root(walked.end)) {
        std::cout << "thread " << tid << ": " << walked.frames.size() << " frames here, "
                  << to_string(walked.end) << "; " << expected.size() << " in eu-stack; " << same
                  << " the same; next " << std::hex << (ours_ends ? 0 : walked.frames[same].pc) << " / "
                  << (theirs_ends ? 0 : expected[same]) << "; last here " << walked.frames.back().pc
                  << std::dec << "\n";
      }
    }
  }
  for (const auto& [end, count] : ends) {
    std::cout << count << " × " << end << "\n";
  }
  std::cout << equal << " equal, " << longer << " longer than eu-stack's, " << shorter << " shorter, "
            << different << " different\n";
  return different == 0 && shorter == 0 ? 0 : 1;
}

}  // namespace
}  // namespace stoker::unwind

int main(int count, char** arguments) {
  if (count < 2) {
    std::cerr << "unwind_live PID [SAMPLES]\n";
    return 2;
  }
  return stoker::unwind::run(std::atoi(arguments[1]), count > 2 ? std::atoi(arguments[2]) : 20);
}
