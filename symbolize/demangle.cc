#include "symbolize/demangle.h"

// libiberty.h declares a basename of its own, which <cstring>'s is not, unless told that there is one.
#define HAVE_DECL_BASENAME 1
#include <libiberty/demangle.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstdlib>
#include <memory>

namespace stoker::symbolize {
namespace {

constexpr std::size_t kLongestMangled = 16 << 10;
constexpr std::size_t kLongestDemangled = 64 << 10;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Where the demangler's output goes. Substitutions let a short hostile name print itself exponentially often,
// and the library has no way to be told to stop: in callback mode it owns no memory, so it is left by
// longjmp.
struct Output {
  std::string text;
  std::jmp_buf too_long;
};

void append(const char* text, std::size_t length, void* opaque) {
  auto* output = static_cast<Output*>(opaque);
  if (output->text.size() + length > kLongestDemangled) {
    std::longjmp(output->too_long, 1);  // NOLINT(cert-err52-cpp): see Output
  }
  output->text.append(text, length);
}

using Demangler = int (*)(const char*, int, demangle_callbackref, void*);

// False when the name is not of this demangler's kind. output lives outside: nothing here has a destructor
// that longjmp would skip.
bool run(Demangler demangler, const char* mangled, int options, Output& output) {
  output.text.clear();
  if (setjmp(output.too_long) != 0) {  // NOLINT(cert-err52-cpp)
    output.text.clear();
    return false;
  }
  return demangler(mangled, options, append, &output) != 0 && !output.text.empty();
}

std::string demangle_d(const char* mangled) {
  const std::unique_ptr<char, decltype(&std::free)> text(dlang_demangle(mangled, DMGL_NO_OPTS), &std::free);
  return text == nullptr ? std::string{} : std::string(text.get());
}

// Length of an operator's own angle brackets at text ("operator<<", "operator->", "operator<=>"); 0 if none.
std::size_t operator_length(std::string_view text) {
  constexpr std::string_view kWord = "operator";
  if (!text.starts_with(kWord)) {
    return 0;
  }
  for (const std::string_view symbol : {"<=>", "<<=", ">>=", "->*", "<<", ">>", "<=", ">=", "->", "<", ">"}) {
    if (text.substr(kWord.size()).starts_with(symbol)) {
      return kWord.size() + symbol.size();
    }
  }
  return 0;
}

// "a<b<c>, d>::e" → "a::e". Unbalanced text comes back as it is.
std::string without_template_arguments(const std::string& name) {
  std::string out;
  int depth = 0;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (const std::size_t length = operator_length(std::string_view(name).substr(i)); length != 0) {
      if (depth == 0) {
        out.append(name, i, length);
      }
      i += length - 1;
      continue;
    }
    const bool arrow = name[i] == '>' && i > 0 && name[i - 1] == '-';
    if (name[i] == '<') {
      ++depth;
    } else if (name[i] == '>' && !arrow) {
      if (--depth < 0) {
        return name;
      }
      continue;
    }
    if (depth == 0) {
      out += name[i];
    }
  }
  while (out.ends_with(' ')) {
    out.pop_back();
  }
  return depth == 0 && !out.empty() ? out : name;
}

std::size_t digits_before(std::string_view text, std::size_t end) {
  std::size_t start = end;
  while (start > 0 && is_digit(text[start - 1])) {
    --start;
  }
  return end - start;
}

// "" for a name that is not mangled, or that no demangler takes.
std::string demangle_stem(const std::string& stem, Demangle level) {
  const bool itanium = stem.starts_with("_Z") || stem.starts_with("__Z");
  if (stem.size() > kLongestMangled || !(itanium || stem.starts_with("_R") || stem.starts_with("_D"))) {
    return {};
  }
  if (stem.starts_with("_D")) {
    std::string text = demangle_d(stem.c_str());
    return text.size() > kLongestDemangled ? std::string() : text;
  }
  Output output;
  if (run(rust_demangle_callback, stem.c_str(), DMGL_NO_OPTS, output)) {
    return output.text;
  }
  const int options = level == Demangle::kFull ? DMGL_PARAMS | DMGL_ANSI : DMGL_ANSI;
  if (itanium && run(cplus_demangle_v3_callback, stem.c_str(), options, output)) {
    return level == Demangle::kSimplified ? without_template_arguments(output.text) : output.text;
  }
  return {};
}

// ".__uniq.12.cold" → ".cold".
std::string note_of(std::string_view suffix) {
  std::string note;
  while (!suffix.empty()) {
    std::size_t end = std::min(suffix.find('.', 1), suffix.size());
    const std::string_view word = suffix.substr(0, end);
    if (end + 1 < suffix.size() && is_digit(suffix[end + 1]) && !is_digit(word[1])) {
      end = std::min(suffix.find('.', end + 1), suffix.size());
    }
    if (word != ".llvm" && word != ".__uniq") {
      note += suffix.substr(0, end);
    }
    suffix.remove_prefix(end);
  }
  return note;
}

}  // namespace

std::string_view without_suffix(std::string_view name) {
  static constexpr std::array<std::string_view, 14> kNotes{
      ".cold", ".part",  ".isra",   ".constprop", ".lto_priv", ".llvm",     ".__uniq",
      ".hot",  ".clone", ".resume", ".destroy",   ".cleanup",  ".unlikely", ".localalias"};
  const bool mangled = name.starts_with("_Z") || name.starts_with("_R");
  while (true) {
    std::size_t end = name.size();
    if (const std::size_t digits = digits_before(name, end);
        digits != 0 && digits < end && name[end - digits - 1] == '.') {
      end -= digits + 1;
    }
    const std::string_view stem = name.substr(0, end);
    const auto* const note = std::ranges::find_if(kNotes, [&](auto each) { return stem.ends_with(each); });
    if (note != kNotes.end() && stem.size() > note->size()) {
      name = stem.substr(0, stem.size() - note->size());
    } else if (mangled && end != name.size() && end != 0) {
      name = stem;
    } else {
      return name;
    }
  }
}

std::string demangle(std::string_view name, Demangle level, Suffixes suffixes) {
  const std::string stem(without_suffix(name));
  const bool strip = suffixes == Suffixes::kStrip;
  if (level == Demangle::kNone) {
    return strip ? stem : std::string(name);
  }
  const std::string text = demangle_stem(stem, level);
  if (text.empty()) {
    return strip ? stem : std::string(name);
  }
  const std::string note = strip ? std::string() : note_of(name.substr(stem.size()));
  return note.empty() ? text : text + " [clone " + note + "]";
}

}  // namespace stoker::symbolize
