// bpf_busy [SECONDS]: CPU time nearly all in a BPF program, which the kernel runs for it again and again. Prints the
// program's tag (the kernel calls the code bpf_prog_TAG_busy): "bpf TAG".
#include <linux/bpf.h>
#include <sys/syscall.h>

#include <cstring>
#include <vector>

#include "truth.h"

namespace {

long bpf(bpf_cmd command, bpf_attr& attributes) {
  return ::syscall(SYS_bpf, command, &attributes, sizeof attributes);
}

bpf_insn immediate(unsigned char code, int value) {
  bpf_insn instruction{};
  instruction.code = code;
  instruction.imm = value;
  return instruction;
}

// r0 = 0; r0 += 1, many times; return.
int load() {
  std::vector<bpf_insn> code{immediate(BPF_ALU64 | BPF_MOV | BPF_K, 0)};
  code.insert(code.end(), 4000, immediate(BPF_ALU64 | BPF_ADD, 1));  // BPF_K is 0
  code.push_back(immediate(BPF_JMP | BPF_EXIT, 0));
  bpf_attr attributes{};
  attributes.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
  attributes.insns = reinterpret_cast<std::uintptr_t>(code.data());
  attributes.insn_cnt = static_cast<std::uint32_t>(code.size());
  attributes.license = reinterpret_cast<std::uintptr_t>("GPL");
  std::strcpy(attributes.prog_name, "busy");
  return static_cast<int>(bpf(BPF_PROG_LOAD, attributes));
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t end = target::seconds_argument(argc, argv, 1, 2);
  const int program = load();
  if (program < 0) {
    std::perror("bpf");
    return 1;
  }
  bpf_prog_info about{};
  bpf_attr question{};
  question.info.bpf_fd = static_cast<std::uint32_t>(program);
  question.info.info_len = sizeof about;
  question.info.info = reinterpret_cast<std::uintptr_t>(&about);
  if (bpf(BPF_OBJ_GET_INFO_BY_FD, question) != 0) {
    return 1;
  }
  std::printf("bpf ");
  for (const unsigned char byte : about.tag) {
    std::printf("%02x", byte);
  }
  std::printf("\n");
  std::fflush(stdout);
  const char packet[64] = {};
  while (target::process_cpu_ns() < end) {
    bpf_attr run{};
    run.test.prog_fd = static_cast<std::uint32_t>(program);
    run.test.data_in = reinterpret_cast<std::uintptr_t>(packet);
    run.test.data_size_in = sizeof packet;
    run.test.repeat = 1000;
    if (bpf(BPF_PROG_TEST_RUN, run) != 0) {
      return 1;
    }
  }
  target::print_cpu("all", target::process_cpu_ns());
}
