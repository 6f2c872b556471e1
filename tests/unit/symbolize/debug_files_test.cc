#include "symbolize/debug_files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <zlib.h>

#include "symbolize/symbolizer.h"
#include "tests/unit/symbolize/elf_builder.h"
#include "tests/unit/symbolize/temp_directory.h"

namespace stoker::symbolize {
namespace {

constexpr std::uint64_t kAddress = 0x1108;

std::string build_id_note(const std::string& id) {
  std::string note;
  for (const std::uint32_t word :
       {4u, static_cast<std::uint32_t>(id.size()), static_cast<std::uint32_t>(NT_GNU_BUILD_ID)}) {
    note.append(reinterpret_cast<const char*>(&word), sizeof word);
  }
  return note + std::string("GNU\0", 4) + id;
}

std::string debug_link(const std::string& name, const std::string& file) {
  std::string link = name + '\0';
  link.resize((link.size() + 3) & ~std::size_t{3});
  const auto crc =
      static_cast<std::uint32_t>(::crc32_z(0, reinterpret_cast<const Bytef*>(file.data()), file.size()));
  link.append(reinterpret_cast<const char*>(&crc), sizeof crc);
  return link;
}

class DebugFiles : public testing::Test {
 protected:
  // What the symbolizer makes of a function that only the debug file names.
  std::string name_of(const ElfBuilder& stripped, const std::string& path, const std::string& root = "") {
    auto binary = std::make_shared<elf::Binary>();
    binary->id = 1;
    binary->path = path;
    binary->root = root;
    binary->elf = stripped.build();
    binary->build_id = binary->elf->build_id();
    Options options;
    options.debug_directories = {directory_.path() + "/debug", "/usr/lib/debug"};
    Symbolizer symbolizer(options);
    const auto frames = symbolizer.symbolize(binary, {kAddress});
    return frames.empty() ? "" : frames[0].function;
  }

  static ElfBuilder with_id(const std::string& id) {
    ElfBuilder builder;
    builder.section(".note.gnu.build-id", build_id_note(id), SHF_ALLOC, 0x100, SHT_NOTE);
    return builder;
  }
  static std::string debug_file(const std::string& id, const std::string& function) {
    return with_id(id).symbols({{function, 0x1100, 16}}).bytes();
  }

  TempDirectory directory_;
};

TEST_F(DebugFiles, FoundByBuildId) {
  directory_.write("debug/.build-id/aa/bbcc.debug", debug_file("\xaa\xbb\xcc", "wanted"));
  EXPECT_EQ(name_of(with_id("\xaa\xbb\xcc"), "/bin/x"), "wanted");
}

TEST_F(DebugFiles, WrongBuildIdIsRefused) {
  directory_.write("debug/.build-id/aa/bbcc.debug", debug_file("\xaa\xbb\xdd", "foreign"));
  EXPECT_EQ(name_of(with_id("\xaa\xbb\xcc"), "/bin/x"), "");
}

TEST_F(DebugFiles, FoundInsideTheTargetsRoot) {
  directory_.write("root/usr/lib/debug/.build-id/aa/bbcc.debug", debug_file("\xaa\xbb\xcc", "in_root"));
  EXPECT_EQ(name_of(with_id("\xaa\xbb\xcc"), "/bin/x", directory_.path() + "/root"), "in_root");
}

TEST_F(DebugFiles, LinksInATargetsRootCannotLeadOut) {
  const std::string outside = directory_.write("outside.debug", debug_file("\xaa\xbb\xcc", "outside"));
  std::filesystem::create_directories(directory_.path() + "/root/usr/lib/debug/.build-id/aa");
  std::filesystem::create_symlink(outside, directory_.path() + "/root/usr/lib/debug/.build-id/aa/bbcc.debug");
  EXPECT_EQ(name_of(with_id("\xaa\xbb\xcc"), "/bin/x", directory_.path() + "/root"), "");
}

TEST_F(DebugFiles, DebugLinkIsFoundInAllThreePlaces) {
  const std::string file = ElfBuilder().symbols({{"linked", 0x1100, 16}}).bytes();
  const ElfBuilder stripped = ElfBuilder().section(".gnu_debuglink", debug_link("x.debug", file));
  const std::string binary = directory_.path() + "/bin/x";
  for (const std::string& place : {std::string("bin/x.debug"), std::string("bin/.debug/x.debug"),
                                   "debug" + directory_.path() + "/bin/x.debug"}) {
    const std::string written = directory_.write(place, file);
    EXPECT_EQ(name_of(stripped, binary), "linked") << place;
    std::filesystem::remove(written);
    EXPECT_EQ(name_of(stripped, binary), "") << place;
  }
}

TEST_F(DebugFiles, WrongCrcIsRefused) {
  const std::string file = ElfBuilder().symbols({{"linked", 0x1100, 16}}).bytes();
  directory_.write("bin/x.debug", file + "changed");
  EXPECT_EQ(name_of(ElfBuilder().section(".gnu_debuglink", debug_link("x.debug", file)),
                    directory_.path() + "/bin/x"),
            "");
}

TEST_F(DebugFiles, FifoInADebugFilesPlaceIsRefusedWithoutWaiting) {
  std::filesystem::create_directories(directory_.path() + "/debug/.build-id/aa");
  ASSERT_EQ(::mkfifo((directory_.path() + "/debug/.build-id/aa/bbcc.debug").c_str(), 0600), 0);
  EXPECT_EQ(name_of(with_id("\xaa\xbb\xcc"), "/bin/x"), "");
}

TEST_F(DebugFiles, RandomBytesCostOnlyTheirOwnSymbols) {
  directory_.write("debug/.build-id/aa/bbcc.debug", std::string(100000, '\x7f'));
  EXPECT_EQ(name_of(with_id("\xaa\xbb\xcc").symbols({{"own", 0x1100, 16}}, SHT_DYNSYM), "/bin/x"), "own");
}

TEST_F(DebugFiles, BadMinidebuginfoCostsOnlyItself) {
  EXPECT_EQ(name_of(ElfBuilder()
                        .section(".gnu_debugdata",
                                 "\xfd"
                                 "7zXZ" +
                                     std::string(100, '\0'))
                        .symbols({{"own", 0x1100, 16}}, SHT_DYNSYM),
                    "/bin/x"),
            "own");
}

}  // namespace
}  // namespace stoker::symbolize
