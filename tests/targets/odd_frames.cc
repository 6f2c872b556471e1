// odd_frames [SECONDS]: an equal share of the CPU time in each of the frames that unwinders get wrong. Each kind K ends in
// spin_K(), below the functions of its chain.
#include <alloca.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#include <csetjmp>
#include <csignal>
#include <cstring>
#include <stdexcept>

#include "truth.h"

namespace {

std::uint64_t share_ns;
volatile int nothing = 0;

}  // namespace

// The assembly comment keeps the compiler from making one function of all.
#define SPIN_FOR(kind)                                            \
  void spin_##kind() {                                            \
    const std::uint64_t end = target::thread_cpu_ns() + share_ns; \
    while (target::thread_cpu_ns() < end) {                       \
      target::spin();                                             \
    }                                                             \
    asm volatile("# " #kind);                                     \
  }
// After each call that must stay one: the compiler could jump there instead.
#define STAY asm volatile("" : : : "memory")

// --- frames of a size that only the running program knows
SPIN_FOR(alloca)
void with_alloca(int size) {
  auto* room = static_cast<char*>(alloca(static_cast<std::size_t>(size)));
  std::memset(room, 1, static_cast<std::size_t>(size));
  asm volatile("" : : "r"(room) : "memory");
  spin_alloca();
  STAY;
}

// --- a frame that the function aligns: its CFA is in memory
SPIN_FOR(aligned)
void with_aligned(int size) {
  alignas(64) char line[64];
  auto* room = static_cast<char*>(alloca(static_cast<std::size_t>(size)));
  std::memset(line, 1, sizeof(line));
  asm volatile("" : : "r"(room), "r"(line) : "memory");
  spin_aligned();
  STAY;
}

// --- a caller whose last instruction is the call
SPIN_FOR(noreturn)
jmp_buf back_from_noreturn;
[[noreturn]] void never_returns() {
  spin_noreturn();
  longjmp(back_from_noreturn, 1);
}
void ends_in_a_call() {
  never_returns();
}
void around_noreturn() {
  if (setjmp(back_from_noreturn) == 0) {
    ends_in_a_call();
  }
  STAY;
}

// --- a tail call: tail_caller() is gone when tail_callee() runs
SPIN_FOR(tail)
void tail_callee() {
  spin_tail();
  STAY;
}
#if defined(__clang__)
void tail_caller() {
  [[clang::musttail]] return tail_callee();
}
#else
__attribute__((optimize("optimize-sibling-calls"))) void tail_caller() {
  tail_callee();
}
#endif
void around_tail() {
  tail_caller();
  STAY;
}

// --- a part of a function that the compiler puts elsewhere
SPIN_FOR(cold)
[[gnu::cold]] void cold_part() {
  spin_cold();
  STAY;
}
int with_cold_part(int value) {
  if (__builtin_expect(value != 0, 0)) {
    cold_part();
    return value * 3;
  }
  return 1;
}

// --- a destructor while an exception passes, and the handler
SPIN_FOR(destructor)
SPIN_FOR(handler)
struct Guard {
  ~Guard() {
    spin_destructor();
    STAY;
  }
};
void throws() {
  const Guard guard;
  if (nothing == 0) {
    throw std::runtime_error("thrown");
  }
}
void catches() {
  try {
    throws();
  } catch (const std::exception&) {
    spin_handler();
    STAY;
  }
}

// --- a coroutine's own stack
SPIN_FOR(coroutine)
ucontext_t main_context;
ucontext_t coroutine_context;
void coroutine_body() {
  spin_coroutine();
  STAY;
}
void run_coroutine() {
  static char stack[1 << 16];
  getcontext(&coroutine_context);
  coroutine_context.uc_stack.ss_sp = stack;
  coroutine_context.uc_stack.ss_size = sizeof(stack);
  coroutine_context.uc_link = &main_context;
  makecontext(&coroutine_context, coroutine_body, 0);
  swapcontext(&main_context, &coroutine_context);
  STAY;
}

// --- a handler that interrupts a system call
SPIN_FOR(signal)
void on_alarm(int) {
  static volatile bool once = false;
  if (!once) {
    once = true;
    spin_signal();
  }
  STAY;
}
void blocks_in_read() {
  int ends[2];
  if (pipe(ends) != 0) {
    return;
  }
  struct sigaction action{};
  action.sa_handler = on_alarm;
  sigaction(SIGALRM, &action, nullptr);
  itimerval timer{};
  timer.it_value.tv_usec = 20'000;
  setitimer(ITIMER_REAL, &timer, nullptr);
  char byte;
  if (read(ends[0], &byte, 1) < 0) {
    STAY;
  }
}

// --- a thread, and what runs when it ends
SPIN_FOR(thread)
SPIN_FOR(thread_end)
void at_thread_end(void*) {
  spin_thread_end();
  STAY;
}
void* thread_main(void* key) {
  pthread_setspecific(*static_cast<pthread_key_t*>(key), key);
  spin_thread();
  pthread_exit(nullptr);
}
void run_thread() {
  pthread_key_t key;
  pthread_key_create(&key, at_thread_end);
  pthread_t thread;
  pthread_create(&thread, nullptr, thread_main, &key);
  pthread_join(thread, nullptr);
}

int main(int argc, char** argv) {
  const std::uint64_t all = target::seconds_argument(argc, argv, 1, 3);
  share_ns = all / 11;
  with_alloca(1000 + argc);
  with_aligned(100 + argc);
  around_noreturn();
  around_tail();
  with_cold_part(argc);
  catches();
  run_coroutine();
  blocks_in_read();
  run_thread();
  std::puts("chain alloca spin_alloca(),with_alloca(int),main");
  std::puts("chain aligned spin_aligned(),with_aligned(int),main");
  std::puts("chain noreturn spin_noreturn(),never_returns(),ends_in_a_call(),around_noreturn(),main");
  std::puts("chain tail spin_tail(),tail_callee(),around_tail(),main");
  std::puts("chain cold spin_cold(),cold_part()");
  std::puts("chain destructor spin_destructor()");
  std::puts("chain handler spin_handler(),catches(),main");
  std::puts("chain coroutine spin_coroutine(),coroutine_body()");
  std::puts("chain signal spin_signal(),on_alarm(int)");
  std::puts("chain thread spin_thread(),thread_main(void*)");
  std::puts("chain thread_end spin_thread_end(),at_thread_end(void*)");
}
