// Profiles as files, in the format that the name asks for.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "profile/profile.h"

namespace stoker::profile {

// .pb.gz, .pb, .html, .folded, .speedscope.json, .svg
enum class Format { kPprof, kPprofRaw, kHtml, kFolded, kSpeedscope, kSvg };

// By the ending of path. An unknown one is an error that lists those there are.
Result<Format> format_for(const std::string& path);

// The whole file's bytes. title: for the formats that show one.
Result<std::string> write_profile(const Profile& profile, Format format, const std::string& title);

// Whether write_profile_file can be expected to work: known ending, not a directory or device, and a file can be made
// beside it (one is made, and removed). Leaves an existing file alone. For before recording starts.
Result<> check_destination(const std::string& path);

// Writes aside and renames: under path stands what was there before or the whole new file, never a part, and on an
// error nothing else is left behind. A symbolic link is replaced, not followed.
Result<> write_profile_file(const Profile& profile, const std::string& path,
                            const std::string& title = "CPU profile");

// The same for any text.
Result<> write_file_whole(const std::string& path, std::string_view bytes);

}  // namespace stoker::profile
