// A tree that looks like /proc, for tests.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "discovery/procfs.h"

namespace stoker::discovery {

class TempDir {
 public:
  TempDir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "stoker-discovery-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline void write_file(const std::string& path, const std::string& text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

struct FakeProcess {
  int pid = 0;
  int parent = 1;
  std::string comm = "program";
  std::string maps;
  std::string cgroup = "0::/\n";
  char state = 'S';
  int threads = 1;
  unsigned flags = 0x400000;
  std::uint64_t start_ticks = 100;
};

class ProcTree {
 public:
  const std::string& path() const { return directory_.path(); }
  std::string of(int pid) const { return path() + '/' + std::to_string(pid); }

  void add(const FakeProcess& p) const {
    const std::string pid = std::to_string(p.pid);
    write_file(of(p.pid) + "/stat", pid + " (" + p.comm + ") " + p.state + ' ' + std::to_string(p.parent) +
                                        " 1 1 0 -1 " + std::to_string(p.flags) + " 0 0 0 0 0 0 0 0 20 0 " +
                                        std::to_string(p.threads) + " 0 " + std::to_string(p.start_ticks) +
                                        " 0 0\n");
    write_file(of(p.pid) + "/maps", p.maps);
    write_file(of(p.pid) + "/cgroup", p.cgroup);
    write_file(of(p.pid) + "/task/" + pid + "/maps", p.maps);
  }
  void remove(int pid) const { std::filesystem::remove_all(of(pid)); }

 private:
  TempDir directory_;
};

}  // namespace stoker::discovery
