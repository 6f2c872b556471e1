#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <sstream>

#include "base/mapped_file.h"
#include "config/config.h"
#include "config/keys.h"
#include "config/suggest.h"

namespace stoker::config {
namespace {

constexpr std::size_t kMaxFile = 1 << 20;

// One document on its way into a Config. yaml-cpp throws: parse() catches.
class Parser {
 public:
  explicit Parser(std::string name) : name_(std::move(name)) {}

  Result<> apply(const YAML::Node& root);
  Result<> check_relations() const;
  Result<> apply_default(const Key& key);
  std::unexpected<Error> error(const YAML::Mark& mark, std::string why, std::string advice = {}) const {
    const auto place =
        mark.is_null() ? name_ : fmt::format("{}:{}:{}", name_, mark.line + 1, mark.column + 1);
    return make_error(place, std::move(why), std::move(advice));
  }

  Config config;

 private:
  Result<> apply_map(const YAML::Node& map, const std::string& prefix);
  Result<> apply_key(const Key& key, const YAML::Node& node);
  Result<Value> convert(const Key& key, const YAML::Node& node) const;
  Result<Value> convert_scalar(const Key& key, const YAML::Node& node) const;
  Result<Value> convert_integers(const Key& key, const YAML::Node& node) const;
  Result<Value> convert_map(const Key& key, const YAML::Node& node) const;
  Result<> check_limits(const Key& key, std::int64_t value, const YAML::Node& node) const;
  std::unexpected<Error> unknown_key(const YAML::Node& key, const std::string& path) const;
  bool is_set(const std::string& path) const { return places_.contains(path); }

  std::string name_;
  std::map<std::string, YAML::Mark> places_;  // of the keys that the file has
};

// Counts documents, and keeps nothing of them.
class DocumentCounter : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override {
    ++count;
    last = mark;
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& /*mark*/, YAML::anchor_t /*anchor*/) override {}
  void OnAlias(const YAML::Mark& /*mark*/, YAML::anchor_t /*anchor*/) override {}
  void OnScalar(const YAML::Mark& /*mark*/, const std::string& /*tag*/, YAML::anchor_t /*anchor*/,
                const std::string& /*value*/) override {}
  void OnSequenceStart(const YAML::Mark& /*mark*/, const std::string& /*tag*/, YAML::anchor_t /*anchor*/,
                       YAML::EmitterStyle::value /*style*/) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark& /*mark*/, const std::string& /*tag*/, YAML::anchor_t /*anchor*/,
                  YAML::EmitterStyle::value /*style*/) override {}
  void OnMapEnd() override {}

  int count = 0;
  YAML::Mark last;
};

// Where a second document begins; a null mark if none does. Looks no further: on a stray "," or "]" yaml-cpp finds empty
// documents without end.
YAML::Mark second_document(const std::string& text) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  DocumentCounter counter;
  while (counter.count < 2 && parser.HandleNextDocument(counter)) {
  }
  return counter.count < 2 ? YAML::Mark::null_mark() : counter.last;
}

bool is_section(const std::string& path) {
  return std::ranges::any_of(keys(), [&](const Key& key) { return key.path.starts_with(path + "."); });
}

const Key* find_key(const std::string& path) {
  const auto found = std::ranges::find(keys(), path, &Key::path);
  return found == keys().end() ? nullptr : &*found;
}

// What a value must look like, with its limits: for the end of an error message.
std::string allowed(const Key& key) {
  std::string text(describe(key.kind));
  if (!key.choices.empty()) {
    text = "one of ";
    for (const std::string_view choice : key.choices) {
      text += fmt::format("{}{}", choice == key.choices.front() ? "" : ", ", choice);
    }
  }
  if (!key.limits_text.empty()) {
    text += fmt::format(", {}", key.limits_text);
  }
  return fmt::format("{} is {}", key.path, text);
}

std::unexpected<Error> Parser::unknown_key(const YAML::Node& key, const std::string& path) const {
  const auto meant = suggest(path);
  return error(
      key.Mark(), fmt::format("unknown key \"{}\"", path),
      meant.empty() ? "docs/configuration.md lists all keys" : fmt::format("did you mean \"{}\"?", meant));
}

Result<> Parser::apply(const YAML::Node& root) {
  if (!root.IsDefined() || root.IsNull()) {
    return {};
  }
  if (!root.IsMap()) {
    return error(root.Mark(), "a configuration consists of sections such as \"sampling:\"");
  }
  return apply_map(root, "");
}

Result<> Parser::apply_map(const YAML::Node& map, const std::string& prefix) {
  std::set<std::string> seen;
  for (const auto& entry : map) {
    if (!entry.first.IsScalar()) {
      return error(entry.first.Mark(), "a key is a word");
    }
    const std::string path = prefix + entry.first.Scalar();
    if (!seen.insert(path).second) {
      return error(entry.first.Mark(), fmt::format("\"{}\" is there twice", path), "keep one of them");
    }
    Result<> done;
    if (const Key* key = find_key(path)) {
      places_.emplace(path, entry.first.Mark());
      done = apply_key(*key, entry.second);
    } else if (!is_section(path)) {
      done = unknown_key(entry.first, path);
    } else if (entry.second.IsMap()) {
      done = apply_map(entry.second, path + ".");
    } else if (!entry.second.IsNull()) {
      done = error(entry.second.Mark(), fmt::format("\"{}\" is a section, not a value", path),
                   "its keys stand indented below it");
    }
    if (!done) {
      return done;
    }
  }
  return {};
}

Result<> Parser::apply_key(const Key& key, const YAML::Node& node) {
  auto value = convert(key, node);
  if (!value) {
    return std::unexpected(std::move(value.error()));
  }
  key.store(config, std::move(*value));
  return {};
}

// No YAML for text that is empty: that would be null.
Result<> Parser::apply_default(const Key& key) {
  if (key.initial.empty()) {
    key.store(config, std::string());
    return {};
  }
  return apply_key(key, YAML::Load(std::string(key.initial)));
}

Result<Value> Parser::convert(const Key& key, const YAML::Node& node) const {
  switch (key.kind) {
    case Kind::kIntegers:
      return convert_integers(key, node);
    case Kind::kLabels:
    case Kind::kHeaders:
      return convert_map(key, node);
    default:
      if (!node.IsScalar()) {
        return error(
            node.Mark(),
            fmt::format("\"{}\" has {}", key.path, node.IsNull() ? "no value" : "more than one value"),
            allowed(key));
      }
      return convert_scalar(key, node);
  }
}

Result<Value> Parser::convert_scalar(const Key& key, const YAML::Node& node) const {
  const std::string& text = node.Scalar();
  const auto checked = [&](auto parsed, std::int64_t number) -> Result<Value> {
    if (auto fits = check_limits(key, number, node); !fits) {
      return std::unexpected(std::move(fits.error()));
    }
    return Value(parsed);
  };
  const auto failed = [&](const Error& why) { return error(node.Mark(), why.why, allowed(key)); };
  switch (key.kind) {
    case Kind::kBool:
      if (const auto value = parse_bool(text)) {
        return Value(*value);
      } else {
        return failed(value.error());
      }
    case Kind::kInteger:
      if (const auto value = parse_integer(text)) {
        return checked(*value, *value);
      } else {
        return failed(value.error());
      }
    case Kind::kDuration:
      if (const auto value = parse_duration(text)) {
        return checked(*value, value->count());
      } else {
        return failed(value.error());
      }
    case Kind::kSize:
      if (const auto value = parse_size(text)) {
        return checked(*value, static_cast<std::int64_t>(*value));
      } else {
        return failed(value.error());
      }
    case Kind::kChoice:
      if (std::ranges::find(key.choices, text) == key.choices.end()) {
        return error(node.Mark(), fmt::format("\"{}\" is not allowed here", text), allowed(key));
      }
      return Value(text);
    default: {
      const bool url = key.kind == Kind::kUrl && !text.empty();
      const Result<> form = key.kind == Kind::kAddress ? check_address(text)
                            : url                      ? check_url_form(text)
                                                       : check_text(text);
      return form ? Result<Value>(Value(text)) : failed(form.error());
    }
  }
}

Result<Value> Parser::convert_integers(const Key& key, const YAML::Node& node) const {
  if (!node.IsSequence()) {
    return error(node.Mark(), fmt::format("\"{}\" is not a list", key.path), allowed(key));
  }
  std::vector<std::int64_t> numbers;
  for (const auto& item : node) {
    const auto number = item.IsScalar() ? parse_integer(item.Scalar()) : make_error("", "not a number");
    if (!number) {
      return error(item.Mark(), number.error().why, allowed(key));
    }
    if (auto fits = check_limits(key, *number, item); !fits) {
      return std::unexpected(std::move(fits.error()));
    }
    numbers.push_back(*number);
  }
  return Value(std::move(numbers));
}

Result<Value> Parser::convert_map(const Key& key, const YAML::Node& node) const {
  if (!node.IsMap()) {
    return error(node.Mark(), fmt::format("\"{}\" does not consist of names with texts", key.path),
                 allowed(key));
  }
  TextMap map;
  for (const auto& entry : node) {
    if (!entry.first.IsScalar() || !entry.second.IsScalar()) {
      return error(entry.first.Mark(), fmt::format("\"{}\" does not consist of names with texts", key.path),
                   allowed(key));
    }
    const std::string& name = entry.first.Scalar();
    if (!(key.kind == Kind::kLabels ? is_label_name(name) : is_header_name(name))) {
      return error(entry.first.Mark(), fmt::format("\"{}\" is not a name that can be used here", name),
                   allowed(key));
    }
    if (std::ranges::find(map, name, &TextMap::value_type::first) != map.end()) {
      return error(entry.first.Mark(), fmt::format("\"{}\" is there twice", name), "keep one of them");
    }
    if (const auto text = check_text(entry.second.Scalar()); !text) {
      return error(entry.second.Mark(), text.error().why, allowed(key));
    }
    map.emplace_back(name, entry.second.Scalar());
  }
  return Value(std::move(map));
}

Result<> Parser::check_limits(const Key& key, std::int64_t value, const YAML::Node& node) const {
  if (key.limits_text.empty() || (value >= key.least && value <= key.most)) {
    return {};
  }
  return error(node.Mark(), fmt::format("{} is out of range", node.Scalar()), allowed(key));
}

Result<> Parser::check_relations() const {
  const auto& push = config.pyroscope;
  const auto only_one = [&](const std::string& a, const std::string& b) -> Result<> {
    if (is_set(a) && is_set(b)) {
      return error(places_.at(b), fmt::format("\"{}\" cannot stand beside \"{}\"", b, a), "keep one of them");
    }
    return {};
  };
  const std::pair<const char*, const char*> exclusive[] = {
      {"pyroscope.password", "pyroscope.password_file"},
      {"pyroscope.bearer_token", "pyroscope.bearer_token_file"},
      {"pyroscope.username", "pyroscope.bearer_token"},
      {"pyroscope.username", "pyroscope.bearer_token_file"},
  };
  for (const auto& [a, b] : exclusive) {
    if (auto alone = only_one(a, b); !alone) {
      return alone;
    }
  }
  for (const char* path : {"pyroscope.password", "pyroscope.password_file"}) {
    if (is_set(path) && push.username.empty()) {
      return error(places_.at(path), fmt::format("\"{}\" needs \"pyroscope.username\"", path));
    }
  }
  if (push.min_backoff > push.max_backoff) {
    const char* path = is_set("pyroscope.min_backoff") ? "pyroscope.min_backoff" : "pyroscope.max_backoff";
    return error(places_.at(path), "\"pyroscope.min_backoff\" is longer than \"pyroscope.max_backoff\"");
  }
  return {};
}

}  // namespace

Result<Config> parse(std::string_view text, const std::string& name) {
  Parser parser(name);
  if (text.size() > kMaxFile) {
    return make_error(name, "the configuration is larger than 1 MiB");
  }
  if (text.contains('\0')) {
    return make_error(name, "the configuration is not text");
  }
  try {
    for (const Key& key : keys()) {
      if (auto done = parser.apply_default(key); !done) {
        return std::unexpected(std::move(done.error()));
      }
    }
    const std::string copy(text);
    if (const YAML::Mark second = second_document(copy); !second.is_null()) {
      return parser.error(second, "a second document begins", "keep one");
    }
    const YAML::Node root = YAML::Load(copy);
    auto done = root.IsNull() ? Result<>() : parser.apply(root);
    if (done) {
      done = parser.check_relations();
    }
    if (!done) {
      return std::unexpected(std::move(done.error()));
    }
  } catch (const YAML::Exception& exception) {
    return parser.error(exception.mark, exception.msg, "the file must be YAML");
  } catch (const std::exception& exception) {
    return make_error(name, exception.what(), "the file must be YAML");
  }
  return std::move(parser.config);
}

Result<Config> load(const std::string& path) {
  const auto text = read_file(path, kMaxFile);
  if (!text) {
    return std::unexpected(text.error());
  }
  return parse(*text, path);
}

}  // namespace stoker::config
