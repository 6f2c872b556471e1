// Programs run by tests: their output, their exit.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace stoker::test {

// A file of this build: program("agent"), target("chain").
std::string program(const std::string& name);
std::string target(const std::string& name);

// An empty directory that goes with the object.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// A running program; killed and collected with the object. Standard output and error go to files, so that a program
// that tells much never waits for its reader.
class Process {
 public:
  explicit Process(const std::vector<std::string>& arguments);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  void signal(int number) const;
  // The exit status; 128 + N when signal N ended it; -1 when it still runs after so many seconds.
  int wait(double seconds = 60);
  // What it has written so far.
  std::string output() const;
  std::string errors() const;

 private:
  TemporaryDirectory files_;
  pid_t pid_ = -1;
  bool collected_ = false;
  int status_ = 0;
};

}  // namespace stoker::test
