#include "symbolize/dwarf/line_header.h"

#include <algorithm>

namespace stoker::symbolize::dwarf {
namespace {

// Longer than any system lets a path be.
constexpr std::size_t kLongestName = 1 << 14;

constexpr std::uint32_t kLongFormat = 0xffffffff;
constexpr std::uint32_t kFirstReserved = 0xfffffff0;

// Content types of version 5's tables (DWARF 5 §6.2.4.1).
constexpr std::uint16_t kPath = 1;
constexpr std::uint16_t kDirectoryIndex = 2;

bool is_absolute(std::string_view path) {
  return path.starts_with('/');
}

// `part` behind `path`, with one slash between them; an empty part changes nothing.
void append(std::string& path, std::string_view part) {
  if (part.empty()) {
    return;
  }
  if (path.ends_with('/')) {
    part.remove_prefix(std::min(part.find_first_not_of('/'), part.size()));
  } else if (!path.empty() && !part.starts_with('/')) {
    path += '/';
  }
  path += part;
}

}  // namespace

std::optional<LineHeader> LineHeader::read(const Unit& unit, std::uint64_t offset) {
  ByteReader reader(unit.sections().own->get(SectionId::kLine));
  reader.seek(offset);
  LineHeader header;
  header.start_ = offset;
  std::uint64_t length = reader.u32();
  if (length == kLongFormat) {
    header.layout_.offset_size = 8;
    length = reader.u64();
  } else if (length >= kFirstReserved) {
    return std::nullopt;
  }
  if (!reader.ok()) {
    return std::nullopt;
  }
  header.end_ = reader.position() + std::min<std::uint64_t>(length, reader.remaining());
  const std::uint16_t version = reader.u16();
  if (version < 2 || version > 5) {
    return std::nullopt;
  }
  header.layout_.version = static_cast<std::uint8_t>(version);
  if (version >= 5) {
    reader.skip(2);  // address and segment selector size: addresses carry their length in the program
  }
  const std::uint64_t header_length = reader.sized(header.layout_.offset_size);
  if (!reader.ok() || header_length > header.end_ - std::min<std::uint64_t>(reader.position(), header.end_) ||
      header_length > UINT32_MAX - 64) {
    return std::nullopt;
  }
  header.program_ = reader.position() + header_length;
  header.min_instruction_length_ = reader.u8();
  header.max_operations_ = version >= 4 ? std::max<std::uint8_t>(reader.u8(), 1) : 1;
  reader.u8();  // default_is_stmt
  header.line_base_ = reader.i8();
  header.line_range_ = reader.u8();
  header.opcode_base_ = reader.u8();
  for (unsigned opcode = 1; opcode < header.opcode_base_; ++opcode) {
    header.operand_counts_.push_back(reader.u8());
  }
  if (!reader.ok() || !header.read_tables(reader)) {
    return std::nullopt;
  }
  return header;
}

bool LineHeader::read_tables(ByteReader& whole) {
  const ByteView section = whole.bytes();
  ByteReader reader(section.first(static_cast<std::size_t>(program_)));
  reader.seek(whole.position());
  if (layout_.version < 5) {
    return read_old_tables(reader);
  }
  return read_table(reader, directory_content_, directories_) && read_table(reader, content_, files_);
}

bool LineHeader::read_old_tables(ByteReader& reader) {
  const auto position = [&] { return static_cast<std::uint32_t>(reader.position() - start_); };
  while (true) {
    const std::uint32_t at = position();
    if (reader.cstr().empty()) {
      break;
    }
    directories_.push_back(at);
  }
  while (reader.ok()) {
    const std::uint32_t at = position();
    if (reader.cstr().empty()) {
      break;
    }
    files_.push_back(at);
    reader.uleb();  // directory
    reader.uleb();  // time
    reader.uleb();  // size
  }
  // A header that ends without the empty name still has the names before.
  return true;
}

bool LineHeader::read_table(ByteReader& reader, std::vector<Content>& content,
                            std::vector<std::uint32_t>& entries) const {
  const unsigned formats = reader.u8();
  for (unsigned i = 0; i < formats; ++i) {
    const std::uint64_t type = reader.uleb();
    const std::uint64_t form = reader.uleb();
    content.push_back({static_cast<std::uint16_t>(std::min<std::uint64_t>(type, UINT16_MAX)),
                       static_cast<FormCode>(form > UINT16_MAX ? 0 : form)});
  }
  const std::uint64_t count = reader.uleb();
  if (!reader.ok() || count > reader.remaining()) {
    return false;
  }
  for (std::uint64_t i = 0; i < count; ++i) {
    entries.push_back(static_cast<std::uint32_t>(reader.position() - start_));
    for (const Content& part : content) {
      read_form(reader, part.form, 0, layout_);
    }
    if (!reader.ok()) {
      entries.pop_back();
      return false;
    }
  }
  entries.shrink_to_fit();
  return true;
}

LineHeader::FileEntry LineHeader::entry(const Unit& unit, const std::vector<Content>& content,
                                        std::uint32_t position) const {
  ByteReader reader(unit.sections().own->get(SectionId::kLine));
  reader.seek(start_ + position);
  FileEntry entry;
  if (layout_.version < 5) {
    entry.name = reader.cstr();
    entry.directory = reader.uleb();
    return entry;
  }
  for (const Content& part : content) {
    const FormValue value = read_form(reader, part.form, 0, layout_);
    if (part.type == kPath) {
      entry.name = unit.text(value);
    } else if (part.type == kDirectoryIndex) {
      entry.directory = value.number;
    }
  }
  return entry;
}

std::string LineHeader::path(const Unit& unit, std::uint64_t file) const {
  const bool old = layout_.version < 5;
  // Files count from 1 before version 5, which puts the unit's own file at 0.
  const std::uint64_t index = old ? file - 1 : file;
  if (index >= files_.size()) {
    return {};
  }
  const FileEntry found = entry(unit, content_, files_[index]);
  if (found.name.size() > kLongestName || found.name.empty()) {
    return {};
  }
  if (is_absolute(found.name)) {
    return std::string(found.name);
  }
  // Directory 0 is the unit's, which only version 5 writes down.
  const std::uint64_t directory_index = old ? found.directory - 1 : found.directory;
  std::string_view directory;
  if (directory_index < directories_.size()) {
    directory = entry(unit, directory_content_, directories_[directory_index]).name;
  }
  if (directory.size() > kLongestName) {
    return {};
  }
  std::string path;
  const bool is_comp_dir = !old && found.directory == 0;
  if (!is_comp_dir && !is_absolute(directory)) {
    append(path, unit.comp_dir());
  }
  append(path, directory);
  append(path, found.name);
  return path;
}

}  // namespace stoker::symbolize::dwarf
