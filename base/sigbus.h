// Mapped files belong to other people: one that is truncated while we read it raises SIGBUS.
#pragma once

namespace stoker {

// Installs, once, a SIGBUS handler that puts a zero page where the file's page is gone and lets the read go
// on: the parsers see zeros, which are just more bad input. A SIGBUS that is no such fault keeps its default
// effect. Called by MappedFile; safe from any thread.
void guard_against_sigbus();

}  // namespace stoker
