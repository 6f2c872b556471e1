// symbol_lines [--names] FILE < ADDRESSES: one JSON line an address, linkage names.
#include <cstdio>
#include <iostream>
#include <string>

#include "symbolize/batch.h"

int main(int argc, char** argv) {
  using namespace stoker::symbolize;
  Options options;
  options.demangle = Demangle::kNone;
  options.lines = argc < 3;
  auto batch = BatchSymbolizer::open(argv[argc - 1], options);
  if (!batch) {
    std::cerr << batch.error().message() << '\n';
    return 1;
  }
  for (std::string line; std::getline(std::cin, line);) {
    const auto address = parse_address(line);
    if (!address) {
      std::cerr << address.error().message() << '\n';
      return 1;
    }
    std::cout << batch->json(*address);
  }
  return 0;
}
