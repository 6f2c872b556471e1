"""The few parts of an ELF file that the comparison needs."""
import os
import struct

SHT_PROGBITS, SHT_SYMTAB, SHT_DYNSYM = 1, 2, 11
STT_FUNC, STT_IFUNC = 2, 10


def section_headers(data):
    """(offset of the header, its ten fields) of each section."""
    start = struct.unpack_from("<Q", data, 0x28)[0]
    count = struct.unpack_from("<H", data, 0x3C)[0]
    return [(start + 64 * i, struct.unpack_from("<IIQQQQIIQQ", data, start + 64 * i)) for i in range(count)]


def functions(path):
    """Sorted (address, size) of the defined functions that have a size."""
    with open(path, "rb") as file:
        data = file.read()
    found = set()
    for _, fields in section_headers(data):
        if fields[1] in (SHT_SYMTAB, SHT_DYNSYM):
            for at in range(fields[4], fields[4] + fields[5], 24):
                _, info, _, section, value, size = struct.unpack_from("<IBBHQQ", data, at)
                if info & 15 in (STT_FUNC, STT_IFUNC) and section != 0 and size > 0:
                    found.add((value, size))
    return sorted(found)


def hide_symbol_tables(source, target):
    """A copy in which no tool finds symbol tables: what it names functions by is then DWARF alone."""
    with open(source, "rb") as file:
        data = bytearray(file.read())
    for at, fields in section_headers(data):
        if fields[1] in (SHT_SYMTAB, SHT_DYNSYM):
            struct.pack_into("<I", data, at + 4, SHT_PROGBITS)
    with open(target, "wb") as file:
        file.write(data)
    os.chmod(target, 0o755)
