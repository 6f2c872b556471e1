#include "symbolize/function_name.h"

#include <gtest/gtest.h>

namespace stoker::symbolize {
namespace {

constexpr bool kExported = true;
constexpr bool kNot = false;

TEST(FunctionName, OfGlibcsHiddenAliasesTheExportedNameIsShown) {
  EXPECT_EQ(choose_name({"__GI_raise", "raise", "raise", kExported, "raise"}), "raise");
  EXPECT_EQ(choose_name({"__GI___libc_realloc", "__libc_realloc", "realloc", kExported, "realloc"}),
            "realloc");
  EXPECT_EQ(choose_name({"", "__libc_realloc", "realloc", kExported, "realloc"}), "realloc");
  EXPECT_EQ(choose_name({"__GI_hidden", "hidden", "__GI_hidden", kNot, "__GI_hidden"}), "hidden");
}

TEST(FunctionName, AnInlinedCallOfAHiddenAliasHasItsNameInTheSource) {
  EXPECT_EQ(choose_name({"__GI___strtol_internal", "__strtol_internal", "", kNot, ""}), "__strtol_internal");
  EXPECT_EQ(choose_name({"__GI_raise", "", "", kNot, ""}), "__GI_raise") << "better than nothing";
}

TEST(FunctionName, AMangledLinkageNameIsTheOneThatTheLinesBelongTo) {
  EXPECT_EQ(choose_name({"_ZN1AC2Ev", "A", "_ZN1AC1Ev", kExported, "_ZN1AC1Ev"}), "_ZN1AC2Ev");
  EXPECT_EQ(choose_name({"_Z6foldedv", "folded", "_Z5otherv", kExported, "_Z5otherv"}), "_Z6foldedv");
  EXPECT_EQ(choose_name({"_Z1fv", "f", "_Z1fv", kNot, "_Z1fv.cold"}), "_Z1fv");
}

TEST(FunctionName, OfFoldedFunctionsInCTheDescribedOneIsShown) {
  EXPECT_EQ(choose_name({"", "_tmp_242_rule", "_tmp_240_rule", kNot, "_tmp_240_rule"}), "_tmp_242_rule");
}

TEST(FunctionName, AStaticFunctionHasItsWholeNameInTheSymbolTable) {
  EXPECT_EQ(choose_name({"", "insert", "_ZN12_GLOBAL__N_14Node6insertEi", kNot, ""}),
            "_ZN12_GLOBAL__N_14Node6insertEi");
  EXPECT_EQ(choose_name({"", "insert", "", kNot, "_ZN12_GLOBAL__N_14Node6insertEi.cold"}),
            "_ZN12_GLOBAL__N_14Node6insertEi.cold");
}

TEST(FunctionName, WhatTheCompilerMadeOfAFunctionIsKept) {
  EXPECT_EQ(choose_name({"", "parse", "parse.constprop.0", kNot, "parse.constprop.0"}), "parse.constprop.0");
}

TEST(FunctionName, AColdPartIsNamedAsTheFunctionItBelongsTo) {
  EXPECT_EQ(choose_name({"", "parse", "parse", kNot, "parse.cold"}), "parse");
  EXPECT_EQ(choose_name({"__GI_abort", "abort", "abort", kExported, "abort.cold"}), "abort");
}

TEST(FunctionName, WithoutSymbolsTheDebugDataHasIt) {
  EXPECT_EQ(choose_name({"", "main", "", kNot, ""}), "main");
  EXPECT_EQ(choose_name({"other", "main", "", kNot, ""}), "other");
  EXPECT_EQ(choose_name({"", "", "symbol", kNot, ""}), "symbol");
  EXPECT_EQ(choose_name({"", "", "", kNot, ""}), "");
}

}  // namespace
}  // namespace stoker::symbolize
