#!/usr/bin/env python3
"""Prints 20 comments of the code and 20 sentences of the documentation at random, for somebody to read.

    .ci/reader-check.py SEED      the same seed prints the same ones, as long as the files are the same
"""

import random
import re
import subprocess
import sys
from pathlib import Path

COUNT = 20


def files(*patterns):
    listed = subprocess.run(["git", "ls-files", *patterns], capture_output=True, text=True, check=True).stdout
    return [Path(line) for line in listed.splitlines()]


def comments(path):
    """Each block of comment lines of one kind: the number of its first line, and its text."""
    blocks = []
    kind_before = None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = re.match(r"\s*(//[/!]?)(?!/) ?(.*)", line)
        kind = match and match[1]
        if match and kind == kind_before:
            blocks[-1][1].append(match[2])
        elif match:
            blocks.append((number, [match[2]]))
        kind_before = kind
    return [(number, "\n  ".join(lines)) for number, lines in blocks]


def sentences(path):
    """Each sentence outside code: the number of the line that its paragraph begins in, and its text."""
    found, paragraph, begin, is_code = [], [], 0, False

    def end_paragraph():
        for sentence in re.split(r"(?<=[.!?:])\s+(?=[A-Z`*\[(])", " ".join(paragraph)):
            if len(sentence.split()) >= 4:
                found.append((begin, sentence))
        paragraph.clear()

    for number, line in enumerate([*path.read_text().splitlines(), ""], 1):
        line = line.strip()
        if line.startswith("```"):
            is_code = not is_code
        if is_code or not line or re.match(r"```|#|\||[-*] |\d+\. ", line):
            end_paragraph()
        if is_code or line.startswith(("```", "#")) or not line:
            continue
        if line.startswith("|"):
            for cell in line.strip("|").split(" | "):
                paragraph.append(cell.strip())
                begin = number
                end_paragraph()
            continue
        if not paragraph:
            begin = number
        paragraph.append(re.sub(r"^([-*]|\d+\.) ", "", line))
    end_paragraph()
    return found


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    chance = random.Random(sys.argv[1])
    for what, read, paths in (
        ("comments", comments, files("src/*.rs", "crates/*.rs")),
        ("sentences", sentences, files("README.md", "docs/*.md")),
    ):
        every = [(path, *each) for path in paths for each in read(path)]
        print(f"{min(COUNT, len(every))} of {len(every)} {what}, seed {sys.argv[1]}\n")
        for path, line, text in sorted(chance.sample(every, min(COUNT, len(every))), key=lambda each: each[:2]):
            print(f"{path}:{line}\n  {text}\n")


if __name__ == "__main__":
    main()
