#!/usr/bin/env python3
"""Fails if files of one crate import each other in a circle.

    .ci/import-circles.py [--lenient] [FOLDER ...]      by default the three crates of this repository

A file imports another if it names an item of it, by `use` or by a path such as `crate::a::b` or `module::b`. A path leads
to the deepest module on it that is a file. These rules decide the rest:

- `mod x;` alone imports nothing. Unit tests (`#[cfg(test)]`) are left out.
- An item that a module hands on (`pub use self::x::Item`) is imported from that module. Only a file below the same module
  imports it from where it is defined.
- A file that uses an item which its own parent defines imports its parent. With --lenient that is no import.

The script reads text, not types: a call of a method is no import.
"""

import re
import sys
from collections import defaultdict
from pathlib import Path

NOT_CODE = re.compile(
    r'//[^\n]*|/\*.*?\*/|r(#*)".*?"\1|b?"(?:\\.|[^"\\])*"|b?\'(?:\\(?:u\{\w+\}|x\w\w|.)|[^\'\\])\'', re.S)
TEST = re.compile(r"#\[cfg\((?:test|all\(test\b[^]]*)\)\]\s*(?:#\[[^]]*\]\s*)*(?:pub(?:\([^)]*\))?\s+)?[^;{]*[;{]")
INLINE = re.compile(r"\bmod\s+(\w+)\s*\{")
DECLARED = re.compile(r"\bmod\s+(\w+)\s*;")
USE = re.compile(r"(\bpub(?:\([^)]*\))?\s+)?\buse\s+([^;]+);")
PATH = re.compile(r"(?<![\w:$])(\w+(?:::\w+)+)")


def closing(text, begin):
    """Where the brace at `begin` is closed."""
    depth = 0
    for match in re.compile(r"[{}]").finditer(text, begin):
        depth += 1 if match[0] == "{" else -1
        if depth == 0:
            return match.end()
    return len(text)


def code(path):
    """The text of a file without comments, strings and unit tests."""
    text = NOT_CODE.sub(lambda match: " " if match[0][0] == "/" else '""', path.read_text())
    while match := TEST.search(text):
        end = closing(text, match.end() - 1) if match[0].endswith("{") else match.end()
        text = text[: match.start()] + text[end:]
    return text


def leaves(tree):
    """The paths of a `use`, each with the name that it gets: `a::{self, c as d}` is a and a::c, named a and d."""
    tree = re.sub(r"\s", "", re.sub(r"\s+as\s+", "@", tree))
    while inner := re.search(r"([\w:]*)\{([^{}]*)\}", tree):
        parts = (inner[1] + part for part in inner[2].split(",") if part)
        tree = tree[: inner.start()] + ",".join(parts) + tree[inner.end() :]
    for leaf in tree.split(","):
        path, _, name = leaf.partition("@")
        path = path.removesuffix("::self").split("::")
        yield path, name or path[-1]


class Crate:
    def __init__(self, folder, lenient):
        self.lenient = lenient
        self.files = {}  # a module's path, such as ("quota", "shape"): its file
        self.handed_on = {}  # (module, name): the path that `pub use` has for it
        self.names = defaultdict(dict)  # by module: the modules that a name stands for
        self.uses = []  # (module, path)
        self.arrows = defaultdict(set)  # (file, file): names
        for file in sorted(folder.rglob("*.rs")):
            parts = file.relative_to(folder).with_suffix("").parts
            is_face = parts[-1] == "mod" or parts in (("lib",), ("main",))
            self.files[parts[:-1] if is_face else parts] = file
        for module, file in self.files.items():
            self.read(module, code(file))
        for module, path in self.uses:
            self.draw(module, path)

    def read(self, module, text):
        while match := INLINE.search(text):
            end = closing(text, match.end() - 1)
            self.read(module + (match[1],), text[match.end() : end - 1])
            text = text[: match.start()] + text[end:]
        for name in DECLARED.findall(text):
            self.names[module][name] = module + (name,)
        for public, tree in USE.findall(text):
            for path, name in leaves(tree):
                self.uses.append((module, path))
                full = self.absolute(module, path)
                if full and public:
                    self.handed_on[module, name] = full
                if full in self.files:
                    self.names[module][name] = full
        self.uses += [(module, path.split("::")) for path in PATH.findall(USE.sub("", text))]

    def absolute(self, module, path):
        """A path from the root of the crate; none if it leads elsewhere."""
        if path[0] == "crate":
            return tuple(path[1:])
        if path[0] in ("self", "super"):
            up = path.count("super")
            return module[: len(module) - up] + tuple(path[up + (path[0] == "self") :])
        base = self.names[module].get(path[0])
        return base and base + tuple(path[1:])

    def split(self, path):
        """The deepest module on a path that is a file, and the name after it, if there is one."""
        length = max(length for length in range(len(path) + 1) if path[:length] in self.files)
        return path[:length], "".join(path[length : length + 1])

    def draw(self, module, path):
        full = self.absolute(module, path)
        if full is None:
            return
        target, item = self.split(full)
        while module[: len(target)] == target and (target, item) in self.handed_on:
            full = self.handed_on[target, item] + full[len(target) + 1 :]
            target, item = self.split(full)
        module, _ = self.split(module)
        if module != target and not (self.lenient and module[: len(target)] == target):
            self.arrows[self.files[module], self.files[target]].add(item or target[-1])

    def circles(self):
        """Sets of files, each of which reaches all others of its set."""
        reach = {file: {file} for file in self.files.values()}
        for _ in reach:
            for one, other in self.arrows:
                reach[one] |= reach[other]
        sets = {frozenset(other for other in reach[file] if file in reach[other]) for file in reach}
        return sorted((circle for circle in sets if len(circle) > 1), key=sorted)


def main():
    folders = [argument for argument in sys.argv[1:] if argument != "--lenient"]
    circles = 0
    for folder in map(Path, folders or ["src", "crates/core/src", "crates/coordinator/src", "crates/profiles/src"]):
        crate = Crate(folder, "--lenient" in sys.argv)
        for circle in crate.circles():
            circles += 1
            print(f"{folder}: {len(circle)} files import each other:")
            for (one, other), names in sorted(crate.arrows.items()):
                if {one, other} <= circle:
                    print(f"  {one.relative_to(folder)} -> {other.relative_to(folder)}: {', '.join(sorted(names))}")
    print(f"import circles: {circles}")
    sys.exit(circles > 0)


if __name__ == "__main__":
    main()
