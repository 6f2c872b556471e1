// Abbreviation tables: what a DIE's code says of its tag and attributes (DWARF 5 §7.5.3).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/byte_reader.h"
#include "symbolize/dwarf/constants.h"

namespace stoker::symbolize::dwarf {

struct AttributeSpec {
  At name{};
  FormCode form{};
  std::int64_t implicit = 0;  // DW_FORM_implicit_const's value
};

// One declaration. Its attributes are read from the section each time: a file's tables, decoded, would take more
// memory than all else that is kept of it.
class Abbreviation {
 public:
  Abbreviation() = default;
  // The reader stands behind the code. Not ok() afterwards when the declaration is cut short.
  explicit Abbreviation(ByteReader& reader);

  Tag tag() const { return tag_; }
  bool has_children() const { return has_children_; }
  // Takes the next attribute; false at the end of the list.
  bool next(AttributeSpec& spec);

 private:
  Tag tag_{};
  bool has_children_ = false;
  ByteReader specs_;
};

// The declaration of one code, found by reading the table from its start. What was read is taken from budget
// (bytes); nothing is found once that is used up.
std::optional<Abbreviation> find_abbreviation(ByteView section, std::uint64_t offset, std::uint64_t code,
                                              std::uint64_t& budget);

// Where each declaration of a table starts.
class Abbreviations {
 public:
  Abbreviations() = default;
  // A malformed table keeps the declarations before the fault.
  Abbreviations(ByteView section, std::uint64_t offset);

  std::optional<Abbreviation> find(std::uint64_t code) const;

  // For tables indexed in step with this one: the position of a code, in [0, count()).
  std::optional<std::uint32_t> position(std::uint64_t code) const;
  std::uint32_t count() const { return static_cast<std::uint32_t>(offsets_.size()); }
  std::optional<Abbreviation> at(std::uint32_t position) const;

  std::uint64_t memory_bytes() const { return offsets_.capacity() * 4 + codes_.capacity() * sizeof(Code); }

 private:
  ByteView table_;
  std::vector<std::uint32_t> offsets_;  // behind the code of the declaration, from the table's start
  // Empty when code i + 1 is the i-th, as compilers number them; else sorted by code.
  struct Code {
    std::uint64_t code;
    std::uint32_t position;
  };
  std::vector<Code> codes_;
};

// The tables of one .debug_abbrev by their offset: link-time optimisers let all units share one.
class AbbreviationCache {
 public:
  std::shared_ptr<const Abbreviations> get(ByteView section, std::uint64_t offset);
  void clear();
  std::uint64_t memory_bytes() const { return bytes_; }

 private:
  std::unordered_map<std::uint64_t, std::shared_ptr<const Abbreviations>> tables_;
  std::uint64_t bytes_ = 0;
};

}  // namespace stoker::symbolize::dwarf
