// Threads with names that `top -H` and gdb show.
#pragma once

#include <pthread.h>

#include <csignal>
#include <string>
#include <thread>
#include <utility>

namespace stoker {

// name: at most 15 characters (pthread_setname_np). Signals are left to the main thread.
template <typename Body>
std::jthread start_thread(const std::string& name, Body body) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  // A fault's signal must reach the thread that faulted: blocked, it would kill the process unhandled.
  sigdelset(&all, SIGBUS);
  sigdelset(&all, SIGSEGV);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::jthread thread(std::move(body));
  pthread_setname_np(thread.native_handle(), name.c_str());
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace stoker
