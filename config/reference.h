// The documentation of the configuration, made from the table of keys.
#pragma once

#include <string>

namespace stoker::config {

// docs/configuration.md.
std::string reference_markdown();

// docs/configuration.schema.json (JSON Schema 2020-12), for editors.
std::string reference_schema();

}  // namespace stoker::config
