// `agent doctor`: everything the agent needs from this host, and what to do about what is missing.
#pragma once

namespace stoker::agent {

// Prints a line for each requirement on stdout. kFailure when something is missing without which nothing is sampled.
int doctor();

}  // namespace stoker::agent
