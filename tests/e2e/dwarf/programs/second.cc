#include <string>

static __attribute__((noinline)) int deep(const std::string& text) {
  std::string copy = text;
  copy += "suffix";
  copy.insert(0, "prefix");
  return static_cast<int>(copy.size());
}

static inline int shallow(const std::string& text) {
  return text.empty() ? 0 : deep(text) + 1;
}

int second_file(const std::string& text) {
  return shallow(text) + shallow(text + "!");
}
