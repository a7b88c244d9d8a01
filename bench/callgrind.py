"""Parses callgrind's output into costs per function (format: valgrind's manual, "Callgrind Format")."""

import re
from collections import Counter

# Envoy's own code is at low addresses. Code that V8 has compiled is in memory that it got from the operating system.
LOWEST_COMPILED = 1 << 36


class Profile:
    """Instructions and calls by function, which is a name, or an address if Envoy has no symbol for it."""

    def __init__(self, file):
        self.instructions = Counter()
        self.calls = Counter()
        self.edges = {}  # (caller, callee): number of calls, and the instructions executed in them
        names = {}

        def function(text):
            number, name = re.fullmatch(r"\((\d+)\)(?: (.*))?", text).groups()
            if name:
                names[number] = name.partition("'")[0]  # a recursive call counts as the same function
            return names[number]

        current, callee, is_cost_of_call = None, None, False
        for line in file.read_text().splitlines():
            if line.startswith("fn="):
                current = function(line[3:])
            elif line.startswith("cfn="):
                callee = function(line[4:])
            elif line.startswith("calls="):
                calls = int(line[6:].split()[0])
                self.calls[callee] += calls
                is_cost_of_call = True  # the next line has the cost of the call
            elif line[:1].isdigit() or line[:1] in ("+", "-", "*"):
                count = int(line.split()[1])
                if is_cost_of_call:
                    before = self.edges.get((current, callee), (0, 0))
                    self.edges[current, callee] = before[0] + calls, before[1] + count
                else:
                    self.instructions[current] += count
                is_cost_of_call = False

    def total(self):
        return sum(self.instructions.values())

    def compiled(self):
        """The instructions in code compiled by V8, which is the filter itself."""
        return sum(count for name, count in self.instructions.items() if compiled_address(name))


def compiled_address(name):
    """The address of a function compiled by V8, otherwise `None`."""
    address = int(name, 16) if name.startswith("0x") else 0
    return address if address >= LOWEST_COMPILED else None
