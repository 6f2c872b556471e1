// Servers that behave and servers that do not. Whatever they do, the symbolizer answers at once with what it has.
#include "symbolize/debuginfod.h"

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "symbolize/symbolizer.h"
#include "tests/unit/symbolize/elf_builder.h"
#include "tests/unit/symbolize/raw_server.h"
#include "tests/unit/symbolize/temp_directory.h"

namespace stoker::symbolize {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kBuildId = "61626364";

ElfBuilder with_build_id(const std::string& id) {
  return ElfBuilder().section(".note.gnu.build-id",
                              std::string("\x04\0\0\0\x04\0\0\0\x03\0\0\0GNU\0", 16) + id, 0, 0, SHT_NOTE);
}
std::string debug_file(const std::string& id = "abcd") {
  return with_build_id(id).symbols({{"from_server", 0x1100, 16}}).bytes();
}

class DebuginfodServer : public testing::Test {
 protected:
  void SetUp() override {
    if (void* const library = ::dlopen("libdebuginfod.so.1", RTLD_LAZY | RTLD_LOCAL); library == nullptr) {
      GTEST_SKIP() << "libdebuginfod1 is not installed";
    }
  }

  DebuginfodOptions options(const std::string& urls) const {
    return {.urls = urls, .cache = directory_.path() + "/cache", .timeout_seconds = 2, .most_seconds = 4};
  }

  // What find() gives once the download has ended, and what was logged until then.
  std::optional<std::string> fetch(DebuginfodOptions options) {
    options.wait = true;
    testing::internal::CaptureStderr();
    const auto debuginfod = Debuginfod::start(options);
    auto found = debuginfod->find(kBuildId);
    EXPECT_EQ(debuginfod->find(kBuildId), found) << "asked again";
    log_ = testing::internal::GetCapturedStderr();
    return found;
  }
  std::size_t log_lines() const { return static_cast<std::size_t>(std::ranges::count(log_, '\n')); }
  // The only line of the log says this of this server.
  void expect_named_once(const std::string& url, const std::string& why) {
    EXPECT_EQ(log_lines(), 1u) << log_;
    EXPECT_THAT(log_, HasSubstr(url));
    EXPECT_THAT(log_, HasSubstr(why));
  }

  TempDirectory directory_;
  std::string log_;
};

TEST_F(DebuginfodServer, WithoutServersItIsOff) {
  EXPECT_EQ(Debuginfod::start({}), nullptr);
}

TEST_F(DebuginfodServer, TheRightFileIsKeptOnDisk) {
  std::optional<std::string> first;
  {
    const RawServer server(RawServer::ok(debug_file()));
    first = fetch(options(server.url()));
    ASSERT_TRUE(first) << log_;
    EXPECT_THAT(*first, HasSubstr(directory_.path()));
    EXPECT_EQ(std::filesystem::file_size(*first), debug_file().size());
    EXPECT_EQ(server.requests(), 1);
    EXPECT_EQ(log_, "");
    EXPECT_EQ(fetch(options(server.url())), first);
    EXPECT_EQ(server.requests(), 1) << "the second time it is there";
  }
}

TEST_F(DebuginfodServer, AFileThatNoServerHasIsNotWorthALine) {
  const RawServer server("HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(fetch(options(server.url())), std::nullopt);
  EXPECT_EQ(server.requests(), 1);
  EXPECT_EQ(log_, "");
}

TEST_F(DebuginfodServer, AServerThatIsDownIsNamedOnce) {
  std::string url;
  {
    url = RawServer("").url();
  }
  EXPECT_EQ(fetch(options(url)), std::nullopt);
  expect_named_once(url, "Connection refused");
}

TEST_F(DebuginfodServer, AServerThatHangsIsLeftAndNamedOnce) {
  const RawServer server("");
  EXPECT_EQ(fetch(options(server.url())), std::nullopt);
  expect_named_once(server.url(), "cannot fetch");
}

TEST_F(DebuginfodServer, AServerThatPromisesMoreThanItSendsIsNamedOnce) {
  const RawServer server(RawServer::ok(debug_file(), "1000000"));
  EXPECT_EQ(fetch(options(server.url())), std::nullopt);
  expect_named_once(server.url(), "cannot fetch");
}

TEST_F(DebuginfodServer, AServerThatPromisesLessThanItSendsGivesNoFile) {
  const RawServer server(RawServer::ok(debug_file(), "100"));
  EXPECT_EQ(fetch(options(server.url())), std::nullopt);
  expect_named_once(server.url(), "ignoring a file");
}

TEST_F(DebuginfodServer, AFileThatIsTooLargeIsNotFetched) {
  const RawServer server(RawServer::ok(std::string(8 << 20, 'x'), "9999999999999"));
  DebuginfodOptions small = options(server.url());
  small.most_bytes = 1 << 20;
  EXPECT_EQ(fetch(small), std::nullopt);
  expect_named_once(server.url(), "cannot fetch");
}

TEST_F(DebuginfodServer, AnotherProgramsFileIsNotUsedAndNotKept) {
  const RawServer server(RawServer::ok(debug_file("wxyz")));
  EXPECT_EQ(fetch(options(server.url())), std::nullopt);
  expect_named_once(server.url(), "its build id is not the one that was asked for");
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory_.path())) {
    EXPECT_NE(entry.path().filename(), "debuginfo") << entry.path();
  }
}

TEST_F(DebuginfodServer, TextInPlaceOfAFileIsNotUsed) {
  const RawServer server(RawServer::ok("<html>please log in</html>"));
  EXPECT_EQ(fetch(options(server.url())), std::nullopt);
  expect_named_once(server.url(), "ignoring a file");
}

// A stripped program, asked about as a window does.
class DebuginfodWindows : public DebuginfodServer {
 protected:
  static elf::BinaryPtr stripped() {
    elf::Binary binary;
    binary.id = 1;
    binary.path = "/bin/x";
    binary.elf = with_build_id("abcd").build();
    binary.build_id = binary.elf->build_id();
    return std::make_shared<const elf::Binary>(std::move(binary));
  }
  Options symbols(const std::string& urls) const {
    Options symbols;
    symbols.debuginfod = options(urls);
    return symbols;
  }
};

TEST_F(DebuginfodWindows, ALaterWindowHasTheNames) {
  const RawServer server(RawServer::ok(debug_file()));
  Symbolizer symbolizer(symbols(server.url()));
  const auto binary = stripped();
  std::string name;
  int windows = 0;
  for (; name.empty() && windows < 3000; ++windows) {
    if (const auto frames = symbolizer.symbolize(binary, {0x1104}); !frames.empty()) {
      name = frames[0].function;
    } else {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
  EXPECT_EQ(name, "from_server");
  EXPECT_GT(windows, 1) << "the first has not waited";
  EXPECT_EQ(server.requests(), 1);
}

TEST_F(DebuginfodWindows, NothingWaitsForAServerThatHangs) {
  const RawServer server("");
  DebuginfodOptions patient = options(server.url());
  patient.timeout_seconds = 3600;
  patient.most_seconds = 3600;
  Options symbols;
  symbols.debuginfod = patient;
  Symbolizer symbolizer(symbols);  // ends in the middle of the download
  const auto binary = stripped();
  for (int window = 0; window < 100; ++window) {
    EXPECT_TRUE(symbolizer.symbolize(binary, {0x1104}).empty());
  }
  EXPECT_LE(server.requests(), 1);
}

}  // namespace
}  // namespace stoker::symbolize
