"""Prints the functions that a .wasm file imports, one `module.name` a line, sorted.

Reads the import section as the WebAssembly core specification §5.5.5 lays it out.
"""

import sys
from pathlib import Path

IMPORT_SECTION = 2
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


def imported_functions(module):
    reader = Reader(module)
    if reader.take(8) != b"\0asm\1\0\0\0":
        raise ValueError("not a WebAssembly 1.0 module")
    while reader.position < len(module):
        (section,) = reader.take(1)
        content = Reader(reader.take(reader.u32()))
        if section == IMPORT_SECTION:
            for _ in range(content.u32()):
                function = f"{content.name()}.{content.name()}"
                (kind,) = content.take(1)
                if kind != FUNCTION:
                    raise ValueError(f"{function} is no function: a proxy-wasm host offers nothing else")
                content.u32()  # its type
                yield function


if __name__ == "__main__":
    print("\n".join(sorted(imported_functions(Path(sys.argv[1]).read_bytes()))))
