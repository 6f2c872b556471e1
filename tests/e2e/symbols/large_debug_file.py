#!/usr/bin/env python3
"""Makes a debug file as large as those of the largest programs: large_debug_file.py FILE OUT BYTES [STRIDE]

OUT is FILE with its units repeated every STRIDE bytes (256 KiB) until .debug_info has BYTES. Each copy describes the same
code, so that answers stay those of FILE, and a reader that looks into every unit has that many places to go to. Between
them are units of a version that nobody knows; they are holes, so that the file takes little room on disk.
"""
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "dwarf"))
import elf_tables  # noqa: E402

UNKNOWN_VERSION = 99


def make(source, target, size, stride=256 << 10):
    with open(source, "rb") as file:
        data = bytearray(file.read())
    headers = elf_tables.section_headers(data)
    names = headers[struct.unpack_from("<H", data, 0x3E)[0]][1][4]

    def name(fields):
        start = names + fields[0]
        return data[start:data.index(b"\0", start)]

    at, fields = next((at, fields) for at, fields in headers if name(fields) == b".debug_info")
    units = bytes(data[fields[4]:fields[4] + fields[5]])
    if len(units) + 16 > stride:
        sys.exit(f"{source}: .debug_info has more than {stride} bytes")
    copies = size // stride
    hole = struct.pack("<IH", stride - len(units) - 4, UNKNOWN_VERSION)
    struct.pack_into("<QQ", data, at + 24, len(data), copies * stride)
    with open(target, "wb") as file:
        file.write(data)
        for copy in range(copies):
            file.seek(len(data) + copy * stride)
            file.write(units + hole)
        file.truncate(len(data) + copies * stride)
    os.chmod(target, 0o755)


if __name__ == "__main__":
    make(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
