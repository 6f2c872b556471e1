#include "symbolize/dwarf/form.h"

namespace stoker::symbolize::dwarf {

FormSize form_size(FormCode form, Layout layout) {
  const auto fixed = [](std::uint8_t bytes) { return FormSize{Skip::kFixed, bytes}; };
  switch (form) {
    case FormCode::kFlagPresent:
    case FormCode::kImplicitConst:
      return fixed(0);
    case FormCode::kData1:
    case FormCode::kRef1:
    case FormCode::kFlag:
    case FormCode::kStrx1:
    case FormCode::kAddrx1:
      return fixed(1);
    case FormCode::kData2:
    case FormCode::kRef2:
    case FormCode::kStrx2:
    case FormCode::kAddrx2:
      return fixed(2);
    case FormCode::kStrx3:
    case FormCode::kAddrx3:
      return fixed(3);
    case FormCode::kData4:
    case FormCode::kRef4:
    case FormCode::kStrx4:
    case FormCode::kAddrx4:
    case FormCode::kRefSup4:
      return fixed(4);
    case FormCode::kAddr:
    case FormCode::kData8:
    case FormCode::kRef8:
    case FormCode::kRefSig8:
    case FormCode::kRefSup8:
      return fixed(8);
    case FormCode::kData16:
      return fixed(16);
    case FormCode::kRefAddr:
      return fixed(layout.version <= 2 ? 8 : layout.offset_size);
    case FormCode::kSecOffset:
    case FormCode::kStrp:
    case FormCode::kLineStrp:
    case FormCode::kStrpSup:
    case FormCode::kGnuRefAlt:
    case FormCode::kGnuStrpAlt:
      return fixed(layout.offset_size);
    case FormCode::kSdata:
      return {Skip::kSleb};
    case FormCode::kUdata:
    case FormCode::kRefUdata:
    case FormCode::kStrx:
    case FormCode::kAddrx:
    case FormCode::kLoclistx:
    case FormCode::kRnglistx:
    case FormCode::kGnuAddrIndex:
    case FormCode::kGnuStrIndex:
      return {Skip::kUleb};
    case FormCode::kString:
      return {Skip::kText};
    case FormCode::kBlock1:
      return {Skip::kBlock1};
    case FormCode::kBlock2:
      return {Skip::kBlock2};
    case FormCode::kBlock4:
      return {Skip::kBlock4};
    case FormCode::kBlock:
    case FormCode::kExprloc:
      return {Skip::kBlockUleb};
    case FormCode::kIndirect:
      return {Skip::kIndirect};
  }
  return {Skip::kUnknown};
}

FormValue read_form(ByteReader& reader, FormCode form, std::int64_t implicit, Layout layout) {
  FormValue value{form};
  const FormSize size = form_size(form, layout);
  switch (size.skip) {
    case Skip::kFixed:
      if (form == FormCode::kImplicitConst) {
        value.number = static_cast<std::uint64_t>(implicit);
      } else if (form == FormCode::kFlagPresent) {
        value.number = 1;
      } else if (size.bytes == 16) {
        reader.skip(16);
      } else {
        value.number = reader.sized(size.bytes);
      }
      break;
    case Skip::kUleb:
      value.number = reader.uleb();
      break;
    case Skip::kSleb:
      value.number = static_cast<std::uint64_t>(reader.sleb());
      break;
    case Skip::kText:
      value.text = reader.cstr();
      break;
    case Skip::kIndirect: {
      // The form stands before the value; one that is indirect again, or has its value in the abbreviation, is
      // nothing a producer writes.
      const auto actual = static_cast<FormCode>(reader.uleb());
      if (actual == FormCode::kIndirect || actual == FormCode::kImplicitConst) {
        reader.fail();
        break;
      }
      return read_form(reader, actual, 0, layout);
    }
    case Skip::kBlock1:
    case Skip::kBlock2:
    case Skip::kBlock4:
    case Skip::kBlockUleb:
    case Skip::kUnknown:
      skip_value(reader, size.skip, size.bytes, layout);
      break;
  }
  return value;
}

bool is_address_form(FormCode form) {
  switch (form) {
    case FormCode::kAddr:
    case FormCode::kAddrx:
    case FormCode::kAddrx1:
    case FormCode::kAddrx2:
    case FormCode::kAddrx3:
    case FormCode::kAddrx4:
    case FormCode::kGnuAddrIndex:
      return true;
    default:
      return false;
  }
}

}  // namespace stoker::symbolize::dwarf
