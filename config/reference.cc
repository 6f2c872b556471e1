#include "config/reference.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string_view>

#include "config/keys.h"

namespace stoker::config {
namespace {

using Json = nlohmann::ordered_json;

std::string_view section_of(std::string_view path) {
  const std::size_t dot = path.find('.');
  return dot == std::string_view::npos ? std::string_view() : path.substr(0, dot);
}

std::string_view name_of(std::string_view path) {
  return path.substr(path.rfind('.') + 1);
}

std::string value_column(const Key& key) {
  if (key.choices.empty()) {
    return key.limits_text.empty() ? std::string(describe(key.kind))
                                   : fmt::format("{}, {}", describe(key.kind), key.limits_text);
  }
  std::string text;
  for (const std::string_view choice : key.choices) {
    text += fmt::format("{}`{}`", text.empty() ? "" : ", ", choice);
  }
  return text;
}

Json schema_of(const Key& key) {
  Json schema;
  schema["description"] = key.sentence;
  switch (key.kind) {
    case Kind::kBool:
      schema["type"] = "boolean";
      schema["default"] = key.initial == "true";
      break;
    case Kind::kInteger:
      schema["type"] = "integer";
      schema["minimum"] = key.least;
      schema["maximum"] = key.most;
      schema["default"] = Json::parse(key.initial);
      break;
    case Kind::kIntegers:
      schema["type"] = "array";
      schema["items"] = {{"type", "integer"}, {"minimum", key.least}, {"maximum", key.most}};
      break;
    case Kind::kLabels:
      schema["type"] = "object";
      schema["propertyNames"] = {{"pattern", "^(?!__)[a-zA-Z_][a-zA-Z0-9_]*$"}};
      schema["additionalProperties"] = {{"type", {"string", "number", "boolean"}}};
      break;
    case Kind::kHeaders:
      schema["type"] = "object";
      schema["additionalProperties"] = {{"type", {"string", "number", "boolean"}}};
      break;
    case Kind::kDuration:
      schema["type"] = {"string", "integer"};
      schema["pattern"] = "^(0|([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?([0-9]+us)?([0-9]+ns)?)$";
      schema["default"] = key.initial;
      break;
    case Kind::kSize:
      schema["type"] = {"string", "integer"};
      schema["pattern"] = "^[0-9]+([KMG]i?B|B)?$";
      schema["default"] = key.initial;
      break;
    case Kind::kChoice:
      schema["enum"] = key.choices;
      schema["default"] = key.initial;
      break;
    case Kind::kText:
    case Kind::kAddress:
    case Kind::kUrl:
      schema["type"] = {"string", "number", "boolean"};
      schema["default"] = key.initial;
      break;
  }
  return schema;
}

}  // namespace

std::string reference_markdown() {
  std::string page =
      "<!-- Made from config/keys.cc: STOKER_UPDATE_DOCS=1 build/…/bin/config_tests -->\n"
      "# Configuration\n\n"
      "`agent run --config FILE` reads YAML; `agent config check FILE` only checks it. Every key has a "
      "default. A key "
      "that does not exist is an error, as is a value out of range, with file, line and column.\n";
  std::string_view section = "none";
  for (const Key& key : keys()) {
    if (section_of(key.path) != section) {
      section = section_of(key.path);
      page += fmt::format("\n## {}\n\n| key | default | value | |\n|---|---|---|---|\n",
                          section.empty() ? key.path : section);
    }
    page += fmt::format("| `{}` | {} | {} | {} |\n", name_of(key.path),
                        key.initial.empty() ? "" : fmt::format("`{}`", key.initial), value_column(key),
                        key.sentence);
  }
  return page;
}

std::string reference_schema() {
  Json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                 {"title", "Configuration of agent run"},
                 {"type", "object"},
                 {"additionalProperties", false},
                 {"properties", Json::object()}};
  Json& properties = schema["properties"];
  for (const Key& key : keys()) {
    const std::string section(section_of(key.path));
    const std::string name(name_of(key.path));
    if (section.empty()) {
      properties[name] = schema_of(key);
      continue;
    }
    if (!properties.contains(section)) {
      properties[section] = {
          {"type", {"object", "null"}}, {"additionalProperties", false}, {"properties", Json::object()}};
    }
    properties[section]["properties"][name] = schema_of(key);
  }
  return schema.dump(2) + "\n";
}

}  // namespace stoker::config
