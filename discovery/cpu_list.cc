#include "discovery/cpu_list.h"

#include <charconv>

#include "base/mapped_file.h"

namespace stoker::discovery {
namespace {

constexpr int kMostCpus = 1 << 16;

}  // namespace

Result<std::vector<int>> parse_cpu_list(std::string_view text) {
  const auto bad = [text] { return make_error("cannot read CPU list \"" + std::string(text) + '"'); };
  std::string_view rest = text;
  while (!rest.empty() && (rest.back() == '\n' || rest.back() == ' ')) {
    rest.remove_suffix(1);
  }
  std::vector<int> cpus;
  while (!rest.empty()) {
    int first = 0;
    const char* const end = rest.data() + rest.size();
    auto parsed = std::from_chars(rest.data(), end, first);
    int last = first;
    if (parsed.ec == std::errc{} && parsed.ptr != end && *parsed.ptr == '-') {
      parsed = std::from_chars(parsed.ptr + 1, end, last);
    }
    const char* const next = parsed.ptr;
    if (parsed.ec != std::errc{} || first < 0 || last < first || last >= kMostCpus ||
        (next != end && *next != ',')) {
      return bad();
    }
    for (int cpu = first; cpu <= last; ++cpu) {
      cpus.push_back(cpu);
    }
    rest.remove_prefix(static_cast<std::size_t>(next - rest.data()));
    if (!rest.empty()) {
      rest.remove_prefix(1);
      if (rest.empty()) {
        return bad();
      }
    }
  }
  return cpus;
}

Result<std::vector<int>> online_cpus(const std::string& sys_root) {
  const auto text = read_file(sys_root + "/devices/system/cpu/online");
  return text ? parse_cpu_list(*text) : std::unexpected(text.error());
}

}  // namespace stoker::discovery
