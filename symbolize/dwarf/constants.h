// The numbers of DWARF that this reader looks at (DWARF 5 §7; GNU's from its DWARF extensions).
#pragma once

#include <cstdint>

namespace stoker::symbolize::dwarf {

enum class Tag : std::uint16_t {
  kCompileUnit = 0x11,
  kInlinedSubroutine = 0x1d,
  kSubprogram = 0x2e,
  kPartialUnit = 0x3c,
  kTypeUnit = 0x41,
  kSkeletonUnit = 0x4a,
};

enum class At : std::uint16_t {
  kSibling = 0x01,
  kName = 0x03,
  kStmtList = 0x10,
  kLowPc = 0x11,
  kHighPc = 0x12,
  kCompDir = 0x1b,
  kAbstractOrigin = 0x31,
  kDeclLine = 0x3b,
  kDeclaration = 0x3c,
  kSpecification = 0x47,
  kRanges = 0x55,
  kCallFile = 0x58,
  kCallLine = 0x59,
  kLinkageName = 0x6e,
  kStrOffsetsBase = 0x72,
  kAddrBase = 0x73,
  kRnglistsBase = 0x74,
  kDwoName = 0x76,
  kMipsLinkageName = 0x2007,
  kGnuDwoName = 0x2130,
  kGnuDwoId = 0x2131,
  kGnuRangesBase = 0x2132,
  kGnuAddrBase = 0x2133,
};

enum class FormCode : std::uint16_t {
  kAddr = 0x01,
  kBlock2 = 0x03,
  kBlock4 = 0x04,
  kData2 = 0x05,
  kData4 = 0x06,
  kData8 = 0x07,
  kString = 0x08,
  kBlock = 0x09,
  kBlock1 = 0x0a,
  kData1 = 0x0b,
  kFlag = 0x0c,
  kSdata = 0x0d,
  kStrp = 0x0e,
  kUdata = 0x0f,
  kRefAddr = 0x10,
  kRef1 = 0x11,
  kRef2 = 0x12,
  kRef4 = 0x13,
  kRef8 = 0x14,
  kRefUdata = 0x15,
  kIndirect = 0x16,
  kSecOffset = 0x17,
  kExprloc = 0x18,
  kFlagPresent = 0x19,
  kStrx = 0x1a,
  kAddrx = 0x1b,
  kRefSup4 = 0x1c,
  kStrpSup = 0x1d,
  kData16 = 0x1e,
  kLineStrp = 0x1f,
  kRefSig8 = 0x20,
  kImplicitConst = 0x21,
  kLoclistx = 0x22,
  kRnglistx = 0x23,
  kRefSup8 = 0x24,
  kStrx1 = 0x25,
  kStrx2 = 0x26,
  kStrx3 = 0x27,
  kStrx4 = 0x28,
  kAddrx1 = 0x29,
  kAddrx2 = 0x2a,
  kAddrx3 = 0x2b,
  kAddrx4 = 0x2c,
  kGnuAddrIndex = 0x1f01,
  kGnuStrIndex = 0x1f02,
  kGnuRefAlt = 0x1f20,
  kGnuStrpAlt = 0x1f21,
};

enum class UnitType : std::uint8_t {
  kCompile = 1,
  kType = 2,
  kPartial = 3,
  kSkeleton = 4,
  kSplitCompile = 5,
  kSplitType = 6,
};

}  // namespace stoker::symbolize::dwarf
