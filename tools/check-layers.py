"""Checks the imports between the modules of src/core: `python3 tools/check-layers.py [CORE]`.

Two rules, which docs/design.md explains. A top-level module imports only from layers below its own, by the table of layers in
docs/design.md. And no modules import each other in a cycle, neither top-level modules nor the children of one module. Code for tests is not looked at, nor are imports between a module and its own ancestors or descendants.
"""

import re
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
CORE = PROJECT / "src/core"
DESIGN = PROJECT / "docs/design.md"

ROW = re.compile(r"^\| (\d+) \| (`[^|]*`) \|", re.MULTILINE)
COMMENT_OR_TEXT = re.compile(r"""//[^\n]*|r#"[\s\S]*?"#|b?"(?:\\[\s\S]|[^"\\])*"|b?'(?:\\.|[^'\\])'""")
TESTS = re.compile(r"#\[cfg\((?:test|any\(test[^\]]*)\)\]")
USE = re.compile(r"\buse\s+([^;]+);")
PATH = re.compile(r"\b(?:crate|super|self)(?:::\w+)+")


def main(core):
    """The exit status: 1 if a rule is broken."""
    modules = {module_of(file, core): file for file in core.rglob("*.rs")}
    modules = {module: file for module, file in modules.items() if not {"tests", "testing"} & set(module)}
    imports = {module: imports_of(module, file.read_text(), modules) for module, file in modules.items()}
    problems = [*against_the_layers(imports, layers(DESIGN.read_text())), *cycles(imports)]
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def module_of(file, core):
    """`("authn", "jwt")` for authn/jwt.rs; `()` for lib.rs."""
    parts = file.relative_to(core).with_suffix("").parts
    return () if parts == ("lib",) else parts


def layers(design):
    """Each top-level module's layer, by the table in docs/design.md."""
    return {name: int(number) for number, names in ROW.findall(design) for name in re.findall(r"`(\w+)`", names)}


def shipped(source):
    """The source without comments, texts, and what is compiled for tests only."""
    source = COMMENT_OR_TEXT.sub("", source)
    while found := TESTS.search(source):
        end, depth = found.end(), 0
        while end < len(source):
            depth += {"{": 1, "}": -1}.get(source[end], 0)
            end += 1
            if depth == 0 and source[end - 1] in "};":
                break
        source = source[: found.start()] + source[end:]
    return source


def imports_of(module, source, modules):
    """The modules whose items this one names, and where the path to them begins."""
    source = shipped(source)
    named = [path for use in USE.findall(source) for path in expanded(use.split(" as ")[0] if "{" not in use else use)]
    named += PATH.findall(USE.sub("", source))
    found = set()
    for path in named:
        target = resolved(module, path.split("::"), modules)
        if target is not None and not related(module, target):
            found.add(target)
    return found


def expanded(use):
    """`a::{b, c::d}` as `a::b` and `a::c::d`."""
    use = use.strip()
    head, brace, rest = use.partition("{")
    if not brace:
        return [use]
    parts, depth, start = [], 0, 0
    for index, character in enumerate(rest):
        if character == "{":
            depth += 1
        elif character == "}":
            depth -= 1
            if depth < 0:
                parts.append(rest[start:index])
                break
        elif character == "," and depth == 0:
            parts.append(rest[start:index])
            start = index + 1
    return [path for part in parts if part.strip() for path in expanded(head.strip() + part.strip())]


def resolved(module, words, modules):
    """The module that a path leads to; `None` if it is outside of the crate."""
    words = [word.strip() for word in words]
    if words[0] == "crate":
        at, words = (), words[1:]
    elif words[0] in ("super", "self"):
        at = module
        while words and words[0] in ("super", "self"):
            at = at[:-1] if words[0] == "super" else at
            words = words[1:]
    elif (*module, words[0]) in modules:
        at = module
    else:
        return None
    for word in words:
        if (*at, word) not in modules:
            break
        at = (*at, word)
    return at


def related(one, other):
    """Whether one of two modules is inside of the other."""
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def against_the_layers(imports, layers):
    """What is wrong by the table of layers."""
    tops = {module[0] for module in imports if module}
    for name in sorted(tops - layers.keys()):
        yield f"docs/design.md: the table of layers has no module `{name}`"
    for module, targets in sorted(imports.items()):
        for target in sorted(targets):
            if not module or module[0] == target[0] or not {module[0], target[0]} <= layers.keys():
                continue
            own, other = layers[module[0]], layers[target[0]]
            if own <= other:
                where = "the same layer" if own == other else "a higher layer"
                yield (
                    f"src/core/{'/'.join(module)}.rs imports `{'::'.join(target)}`, which is in {where}:"
                    f" {own} must not import {other} (docs/design.md, Layers)"
                )


def cycles(imports):
    """The cycles between the children of one module, for each module; lib.rs has the top-level modules."""
    siblings = {}
    for module, targets in imports.items():
        for target in targets:
            common = next(i for i, (a, b) in enumerate(zip(module, target, strict=False)) if a != b)
            graph = siblings.setdefault(module[:common], {})
            graph.setdefault(module[common], {}).setdefault(target[common], (module, target))
    for parent, graph in sorted(siblings.items()):
        try:
            TopologicalSorter({child: set(targets) for child, targets in graph.items()}).prepare()
        except CycleError as error:
            around = error.args[1][::-1]
            yield f"src/core/{'/'.join(parent)}: these modules import each other in a cycle: {' -> '.join(around)}"
            for one, other in zip(around, around[1:], strict=False):
                module, target = graph[one][other]
                yield f"    src/core/{'/'.join(module)}.rs imports `{'::'.join(target)}`"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else CORE))
