"""Prints the imports or exports of a .wasm file, sorted, one per line: `imports FILE` or `exports FILE`.

Reads the import and export sections as defined in the WebAssembly core specification, §5.5.5 and §5.5.10.
"""

import sys
from pathlib import Path

IMPORT_SECTION = 2
EXPORT_SECTION = 7
FUNCTION = 0


class Reader:
    def __init__(self, data):
        self.data = data
        self.position = 0

    def take(self, length):
        start, self.position = self.position, self.position + length
        return self.data[start : self.position]

    def u32(self):
        """An unsigned LEB128 number."""
        value = shift = 0
        while True:
            (byte,) = self.take(1)
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def name(self):
        return self.take(self.u32()).decode()


def section(module, number):
    """The content of a section, or an empty vector if the module does not have it."""
    reader = Reader(module)
    if reader.take(8) != b"\0asm\1\0\0\0":
        raise ValueError("not a WebAssembly 1.0 module")
    while reader.position < len(module):
        (found,) = reader.take(1)
        content = Reader(reader.take(reader.u32()))
        if found == number:
            return content
    return Reader(b"\0")


def imports(module):
    """The imported functions as `module.name`."""
    content = section(module, IMPORT_SECTION)
    for _ in range(content.u32()):
        function = f"{content.name()}.{content.name()}"
        (kind,) = content.take(1)
        if kind != FUNCTION:
            raise ValueError(f"{function} is no function: a proxy-wasm host offers nothing else")
        content.u32()  # its type
        yield function


def exports(module):
    """The exported functions and memories."""
    content = section(module, EXPORT_SECTION)
    for _ in range(content.u32()):
        yield content.name()
        content.take(1)  # its kind
        content.u32()  # its index


if __name__ == "__main__":
    sides = {"imports": imports, "exports": exports}
    if len(sys.argv) != 3 or sys.argv[1] not in sides:
        sys.exit("usage: wasm-interface.py imports|exports FILE")
    print("\n".join(sorted(sides[sys.argv[1]](Path(sys.argv[2]).read_bytes()))))
