// Code with deep chains of inlined calls, cold parts, lambdas and local structures. HEAVY adds more of it.
#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>
#ifdef HEAVY
#include <regex>
#endif

int second_file(const std::string& text);

namespace {

struct Twist {
  int factor;
  int operator()(int value) const { return value * factor + 1; }
};

template <int N>
int inlined_down(int value) {
  if constexpr (N == 0) {
    return value ^ 0x55;
  } else {
    return inlined_down<N - 1>(value + N) * 3;
  }
}

template <typename Key, int N>
__attribute__((noinline)) int work(const std::vector<Key>& input) {
  std::map<Key, std::vector<int>> groups;
  for (const Key& key : input) {
    groups[key].push_back(inlined_down<N>(static_cast<int>(groups.size())));
  }
  struct Sum {
    int total = 0;
    void add(const std::vector<int>& values) { total = std::accumulate(values.begin(), values.end(), total); }
  } sum;
  for (auto& [key, values] : groups) {
    std::sort(values.begin(), values.end(), [](int a, int b) { return a % (N + 2) < b % (N + 2); });
    std::transform(values.begin(), values.end(), values.begin(), Twist{N});
    sum.add(values);
  }
  if (sum.total == N * 1000003) {
    throw std::runtime_error("never for " + std::to_string(N));
  }
  const std::function<int(int)> last = [&](int value) { return value + sum.total; };
  return last(N);
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> names(argv, argv + argc);
  std::vector<long> numbers(static_cast<std::size_t>(argc) * 10, 3);
  int result = second_file(names[0]);
  result += work<std::string, 1>(names) + work<std::string, 9>(names) + work<long, 4>(numbers);
#ifdef HEAVY
  result += work<std::string, 2>(names) + work<std::string, 3>(names) + work<long, 20>(numbers);
  const std::regex expression("([a-z]+)[0-9]{2,4}(x|yz)*");
  for (const std::string& name : names) {
    result += std::regex_match(name, expression) ? 1 : 0;
  }
#endif
  return result;
}
