#include "symbolize/demangle.h"

#include <gtest/gtest.h>

namespace stoker::symbolize {
namespace {

TEST(Demangle, LevelsKeepLessAndLess) {
  const std::string name = "_ZNSt6vectorIiSaIiEE9push_backERKi";
  EXPECT_EQ(demangle(name, Demangle::kNone), name);
  EXPECT_EQ(demangle(name, Demangle::kFull), "std::vector<int, std::allocator<int> >::push_back(int const&)");
  EXPECT_EQ(demangle(name, Demangle::kTemplates), "std::vector<int, std::allocator<int> >::push_back");
  EXPECT_EQ(demangle(name, Demangle::kSimplified), "std::vector::push_back");
}

TEST(Demangle, SimplifiedKeepsTheBracketsOfOperators) {
  EXPECT_EQ(demangle("_ZN1AlsIiEERS_T_", Demangle::kSimplified), "A::operator<<");
  EXPECT_EQ(demangle("_ZNK1AptEv", Demangle::kSimplified), "A::operator->");
  EXPECT_EQ(demangle("_ZN1AltIiEEbT_", Demangle::kSimplified), "A::operator<");
  EXPECT_EQ(demangle("_ZNK1AssERKS_", Demangle::kSimplified), "A::operator<=>");
}

TEST(Demangle, AbiTagsStay) {
  EXPECT_EQ(demangle("_ZN3foo3barB5cxx11Ev", Demangle::kFull), "foo::bar[abi:cxx11]()");
}

TEST(Demangle, RustNamesLoseTheirHash) {
  EXPECT_EQ(demangle("_ZN3std2io5stdio6_print17h0123456789abcdefE", Demangle::kFull),
            "std::io::stdio::_print");
  EXPECT_EQ(
      demangle("_ZN4core3ptr85drop_in_place$LT$std..rt..lang_start$LT$$LP$$RP$$GT$..$u7b$$u7b$closure$u7d$"
               "$u7d$$GT$17h5d8b4b7d9b0d4b3aE",
               Demangle::kFull),
      "core::ptr::drop_in_place<std::rt::lang_start<()>::{{closure}}>");
  EXPECT_EQ(demangle("_RNvC6_123foo3bar", Demangle::kFull), "123foo::bar");
  EXPECT_EQ(demangle("_RNvNtCs1234_7mycrate3foo3bar.llvm.9876", Demangle::kFull), "mycrate::foo::bar");
}

TEST(Demangle, DNames) {
  EXPECT_EQ(demangle("_D4test3fooFZv", Demangle::kFull), "test.foo()");
}

TEST(Demangle, PlainNamesStay) {
  EXPECT_EQ(demangle("main", Demangle::kFull), "main");
  EXPECT_EQ(demangle("_start", Demangle::kFull), "_start");
  EXPECT_EQ(demangle("_Relocate", Demangle::kFull), "_Relocate");
  EXPECT_EQ(demangle("", Demangle::kFull), "");
}

TEST(Demangle, WhatACompilerAppendedStaysAsANote) {
  EXPECT_EQ(demangle("_Z3foov.cold", Demangle::kFull), "foo() [clone .cold]");
  EXPECT_EQ(demangle("_Z3foov.isra.0.part.1.constprop.2", Demangle::kFull),
            "foo() [clone .isra.0.part.1.constprop.2]");
  EXPECT_EQ(demangle("_Z3foov.lto_priv.3", Demangle::kSimplified), "foo [clone .lto_priv.3]");
  EXPECT_EQ(demangle("_Z3foov.17", Demangle::kFull), "foo() [clone .17]");
  EXPECT_EQ(demangle("read_line.part.0", Demangle::kFull), "read_line.part.0");
  EXPECT_EQ(demangle("_Z3foov.cold", Demangle::kNone), "_Z3foov.cold");
}

TEST(Demangle, ANoteIsStrippedOnRequest) {
  for (const char* suffix : {".cold", ".part.0", ".constprop.12", ".isra.0", ".lto_priv.0", ".isra.0.cold",
                             ".constprop.0.isra.1", ".llvm.1234", ".__uniq.5.cold"}) {
    const std::string text(suffix);
    EXPECT_EQ(demangle("_Z3foov" + text, Demangle::kFull, Suffixes::kStrip), "foo()") << suffix;
    EXPECT_EQ(demangle("read_line" + text, Demangle::kFull, Suffixes::kStrip), "read_line") << suffix;
    EXPECT_EQ(demangle("_Z3foov" + text, Demangle::kNone, Suffixes::kStrip), "_Z3foov") << suffix;
  }
}

TEST(Demangle, WhatOnlyTellsLocalNamesApartIsNoNote) {
  EXPECT_EQ(demangle("_ZL3foov.llvm.123456", Demangle::kFull), "foo()");
  EXPECT_EQ(demangle("_ZL3foov.__uniq.99.cold", Demangle::kFull), "foo() [clone .cold]");
}

TEST(Demangle, EachKindOfSuffixIsKnown) {
  EXPECT_EQ(without_suffix("read_line.lto_priv.12"), "read_line");
  EXPECT_EQ(without_suffix("f.llvm.123456"), "f");
  EXPECT_EQ(without_suffix("f.__uniq.99.cold"), "f");
  EXPECT_EQ(without_suffix("_Z3foov.17"), "_Z3foov");
}

TEST(Demangle, OtherDotsStay) {
  EXPECT_EQ(without_suffix("compare.5"), "compare.5");
  EXPECT_EQ(without_suffix(".cold"), ".cold");
  EXPECT_EQ(without_suffix("main.coldstart"), "main.coldstart");
  EXPECT_EQ(without_suffix("core..fmt"), "core..fmt");
}

TEST(Demangle, NameThatGrowsWithoutEndStaysMangled) {
  // Each S_ doubles the argument list: printed, it would be 2^40 long.
  std::string name = "_Z1fI";
  std::string argument = "1aIiiE";
  for (int i = 0; i < 40; ++i) {
    argument =
        "1aI" + argument + "S" +
        (i == 0 ? std::string("_") : std::string(1, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[i % 36]) + "_") +
        "E";
  }
  name += argument + "EvT_";
  EXPECT_LE(demangle(name, Demangle::kFull).size(), 64u << 10);
}

TEST(Demangle, HostileDepthAndLengthAreRefused) {
  for (const std::string& piece : {std::string("P"), std::string("N1a"), std::string("FvP"),
                                   std::string("1aI"), std::string("Dp"), std::string("XadL_Z")}) {
    std::string name = "_Z1f";
    while (name.size() < 15000) {
      name += piece;
    }
    EXPECT_EQ(demangle(name, Demangle::kFull), name);
  }
  const std::string name = "_Z" + std::string(1 << 20, '9');
  EXPECT_EQ(demangle(name, Demangle::kFull), name);
  std::string rust = "_R";
  while (rust.size() < 15000) {
    rust += "NvNvC";
  }
  EXPECT_EQ(demangle(rust, Demangle::kFull), rust);
  std::string d = "_D";
  while (d.size() < 15000) {
    d += "4testFFF";
  }
  EXPECT_FALSE(demangle(d, Demangle::kFull).empty());
}

}  // namespace
}  // namespace stoker::symbolize
