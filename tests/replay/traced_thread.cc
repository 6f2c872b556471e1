#include "tests/replay/traced_thread.h"

#include <elf.h>
#include <fmt/format.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <iterator>
#include <thread>
#include <utility>

namespace stoker::replay {

Result<TracedThread> TracedThread::start(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  for (const std::string& word : command) {
    arguments.push_back(const_cast<char*>(word.c_str()));
  }
  arguments.push_back(nullptr);
  const pid_t child = ::fork();
  if (child < 0) {
    return system_error("cannot start " + command[0], errno);
  }
  if (child == 0) {
    ::ptrace(PTRACE_TRACEME, 0, 0, 0);
    ::execvp(arguments[0], arguments.data());
    ::_exit(127);
  }
  int status = 0;
  if (::waitpid(child, &status, 0) != child || !WIFSTOPPED(status)) {
    return make_error("cannot start " + command[0], "it ended at once");
  }
  ::ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_EXITKILL);
  return TracedThread(child, true);
}

Result<TracedThread> TracedThread::attach(pid_t tid) {
  if (::ptrace(PTRACE_ATTACH, tid, 0, 0) != 0) {
    return system_error(fmt::format("cannot trace thread {}", tid), errno);
  }
  int status = 0;
  if (::waitpid(tid, &status, __WALL) != tid || !WIFSTOPPED(status)) {
    return make_error(fmt::format("cannot trace thread {}", tid), "it ended");
  }
  return TracedThread(tid, false);
}

TracedThread::TracedThread(TracedThread&& other) noexcept
    : tid_(std::exchange(other.tid_, 0)),
      started_(other.started_),
      traced_(other.traced_),
      signal_(other.signal_) {}

TracedThread::~TracedThread() {
  if (tid_ == 0) {
    return;
  }
  if (started_) {
    ::kill(tid_, SIGKILL);
    ::waitpid(tid_, nullptr, __WALL);
  } else if (traced_) {
    ::ptrace(PTRACE_DETACH, tid_, 0, signal_);
  } else {
    ::kill(tid_, SIGCONT);
  }
}

#if defined(__aarch64__)
Result<unwind::Registers> TracedThread::registers() const {
  user_regs_struct regs{};
  iovec place{&regs, sizeof(regs)};
  if (::ptrace(PTRACE_GETREGSET, tid_, NT_PRSTATUS, &place) != 0) {
    return system_error("cannot read registers", errno);
  }
  unwind::Registers found;
  for (unsigned i = 0; i < std::size(regs.regs); ++i) {
    found.set(i, regs.regs[i]);
  }
  found.set(31, regs.sp);
  found.set(32, regs.pc);
  return found;
}
#else
Result<unwind::Registers> TracedThread::registers() const {
  user_regs_struct regs{};
  if (::ptrace(PTRACE_GETREGS, tid_, 0, &regs) != 0) {
    return system_error("cannot read registers", errno);
  }
  const std::array<std::uint64_t, 17> by_dwarf = {regs.rax, regs.rdx, regs.rcx, regs.rbx, regs.rsi, regs.rdi,
                                                  regs.rbp, regs.rsp, regs.r8,  regs.r9,  regs.r10, regs.r11,
                                                  regs.r12, regs.r13, regs.r14, regs.r15, regs.rip};
  unwind::Registers found;
  for (unsigned i = 0; i < by_dwarf.size(); ++i) {
    found.set(i, by_dwarf[i]);
  }
  found.thread_pointer = regs.fs_base;
  return found;
}
#endif

bool TracedThread::resume(int request) {
  ::ptrace(static_cast<__ptrace_request>(request), tid_, 0, std::exchange(signal_, 0));
  int status = 0;
  if (::waitpid(tid_, &status, __WALL) != tid_ || !WIFSTOPPED(status)) {
    traced_ = false;
    return false;
  }
  const int signal = WSTOPSIG(status);
  signal_ = signal == SIGTRAP || signal == SIGSTOP ? 0 : signal;
  return true;
}

bool TracedThread::step() {
  return resume(PTRACE_SINGLESTEP);
}

bool TracedThread::run_for(std::chrono::milliseconds time) {
  const pid_t tid = tid_;
  // A signal of the thread itself may stop it earlier.
  std::jthread stopper([tid, time] {
    std::this_thread::sleep_for(time);
    ::kill(tid, SIGSTOP);
  });
  while (resume(PTRACE_CONT)) {
    if (signal_ == 0) {
      return true;
    }
  }
  return false;
}

void TracedThread::release_stopped() {
  traced_ = false;
  ::ptrace(PTRACE_DETACH, tid_, 0, SIGSTOP);
  ::usleep(20000);  // until it has stopped again
}

}  // namespace stoker::replay
