#!/usr/bin/env python3
"""Runs the code of the client packages that is shown in README.md and docs/, and compares what it prints.

    pages.py [--only python|typescript|go|rust]

The blocks of a page and a language are one program. It runs unchanged, against a server with the module, rl-coordinator and the lab's
provider; only their addresses are put in. A line that prints ends with a comment: what it prints. Policies that the page sets by `redis-cli`
are set before. .ci/test-packages.sh installs what this needs.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Callable

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "clients" / "python" / "tests"))

from redis_rl import Limiter  # noqa: E402
from servers import COORDINATOR, Program, Provider, Server, folder, free_port  # noqa: E402

# The pages and their languages. Each page has at least one block of each.
PAGES = {"README.md": ("python",), "docs/clients.md": ("python", "typescript", "go", "rust"), "docs/migrating.md": ("python",)}
# The most lines of a block.
LONGEST = {"README.md": 5, "docs/migrating.md": 5}
FENCES = {"python": "python", "typescript": "ts", "go": "go", "rust": "rust"}
PRINTS = {"python": r"print\(", "typescript": r"console\.log\(", "go": r"fmt\.Println\(", "rust": r"println!\("}
MODEL = {"requests": ["bucket", 6000, 1000], "input": ["bucket", 6_000_000, 1_000_000], "output": ["bucket", 6_000_000, 1_000_000]}
TYPESCRIPT = ROOT / ".cache" / "typescript"
GO = ROOT / "clients" / "go" / "rlgoredis"
RUST = ROOT / ".cache" / "rust-page"
GO_PACKAGES = {
    "context": "context", "errors": "errors", "fmt": "fmt", "http": "net/http", "strings": "strings", "time": "time",
    "middleware": "github.com/redis-rl/redis-rl/clients/go/middleware",
    "provider": "github.com/redis-rl/redis-rl/clients/go/provider",
    "redis": "github.com/redis/go-redis/v9",
    "redisrl": "github.com/redis-rl/redis-rl/clients/go",
    "rlgoredis": "github.com/redis-rl/redis-rl/clients/go/rlgoredis",
}  # fmt: skip


class Block:
    """A block of a page. The other blocks use what a shared one defines."""

    def __init__(self, heading: str, code: str) -> None:
        self.code = code
        self.is_shared = heading == "Connect" and "localhost:8765" not in code


def blocks(page: str, fence: str) -> list[Block]:
    found, heading = [], ""
    parts = re.findall(r"^## ([^\n]*)$|^ *```(\w*)\n(.*?)^ *```$", (ROOT / page).read_text(), re.M | re.S)
    for title, language, code in parts:
        heading = title or heading
        if not title and language == fence:
            found.append(Block(heading, code))
    return found


def expected(code: str, language: str) -> list[str]:
    """What the lines that print say that they print."""
    lines = [line for line in code.splitlines() if re.match(rf"\s*{PRINTS[language]}", line)]
    found = [re.search(r"\);?\s+?(?:#|//) (.+)$", line) for line in lines]
    assert lines and all(found), f"a line prints, and does not say what: {lines}"
    return [one[1] for one in found if one]


def scoped(parts: list[Block], before: str, after: str) -> str:
    """Returns the code of all blocks. What is before and after each block that is not shared keeps its names apart."""
    return "".join(block.code if block.is_shared else before + block.code + after for block in parts)


def python(parts: list[Block]) -> list[str]:
    return [sys.executable, "-c", "\n".join(block.code for block in parts)]


def typescript(parts: list[Block]) -> list[str]:
    imports: dict[str, set[str]] = {}
    for block in parts:
        for names, module in re.findall(r"^import (.*) from '(.*)'$", block.code, re.M):
            imports.setdefault(module, set()).update(names.strip("{ }").split(", ") if "{" in names else [names])
        block.code = re.sub(r"^import .*\n", "", block.code, flags=re.M)
    lines = []
    for module, names in imports.items():
        by_default = module.startswith("@")
        lines.append(f"import {', '.join(names) if by_default else '{ ' + ', '.join(sorted(names)) + ' }'} from '{module}'\n")
    place = TYPESCRIPT / "page"
    place.mkdir(exist_ok=True)
    (place / "page.ts").write_text("".join(lines) + scoped(parts, "{\n", "}\n"))
    config = {"extends": "../tsconfig.json", "compilerOptions": {"noEmit": False, "declaration": False}, "include": ["page.ts"]}
    (place / "tsconfig.json").write_text(json.dumps(config))
    subprocess.run(["npx", "tsc", "-p", "page"], cwd=TYPESCRIPT, check=True)
    return ["node", str(place / "page.js")]


def go(parts: list[Block]) -> list[str]:
    text = scoped(parts, "if err := func() error {\n", "return nil\n}(); err != nil {\nreturn err\n}\n")
    used = [f'{name} "{path}"\n' for name, path in GO_PACKAGES.items() if re.search(rf"\b{name}\.", text) or name == "context"]
    program = f"package main\n\nimport (\n{''.join(used)})\n\nvar ctx = context.Background()\n\n"
    program += f"func main() {{\nif err := run(); err != nil {{\npanic(err)\n}}\n}}\n\nfunc run() error {{\n{text}return nil\n}}\n"
    place = Path(tempfile.mkdtemp(prefix="rl-page-"))
    (place / "main.go").write_text(program)
    overlay = {"Replace": {str(GO / "page" / "main.go"): str(place / "main.go")}}
    (place / "overlay.json").write_text(json.dumps(overlay))
    return ["go", "-C", str(GO), "run", "-overlay", str(place / "overlay.json"), "./page"]


def rust(parts: list[Block]) -> list[str]:
    text = scoped(parts, "async {\n", "Ok::<(), Box<dyn std::error::Error>>(())\n}\n.await?;\n")
    program = f"//! The code of a page.\n\n#[tokio::main]\nasync fn main() -> Result<(), Box<dyn std::error::Error>> {{\n{text}Ok(())\n}}\n"
    # An example of the package, so that its tests and the page share what they compile. The package's own folder stays as it is.
    RUST.mkdir(parents=True, exist_ok=True)
    for name in ("Cargo.toml", "Cargo.lock", "README.md", "src", "tests"):
        (RUST / name).unlink(missing_ok=True)
        (RUST / name).symlink_to(ROOT / "clients" / "rust" / name)
    (RUST / "examples").mkdir(exist_ok=True)
    (RUST / "examples" / "page.rs").write_text(program)
    target = os.environ.get("RUST_CLIENT_TARGET", str(ROOT / ".cache" / "client-rust"))
    words = ["cargo", "run", "--quiet", "--locked", "--manifest-path", str(RUST / "Cargo.toml"), "--target-dir", target]
    return [*words, "--features", "reqwest-middleware,tower", "--example", "page"]


MAKE: dict[str, Callable[[list[Block]], list[str]]] = {"python": python, "typescript": typescript, "go": go, "rust": rust}


def coordinator() -> Program:
    port = free_port()
    return Program([str(COORDINATOR), "--listen", f"127.0.0.1:{port}"], port, folder())


def run(page: str, language: str) -> None:
    parts = blocks(page, FENCES[language])
    assert parts, f"{page} has no {language}"
    longest = max(len(block.code.splitlines()) for block in parts)
    assert longest <= LONGEST.get(page, longest), f"{page}: a block has {longest} lines"
    says = expected("\n".join(block.code for block in parts), language)
    models = {"claude-sonnet": MODEL}
    with Server() as server, coordinator() as http, Provider(json.dumps({"seed": 1, "minute": 60, "models": models})) as provider:
        for block in blocks(page, ""):
            for line in re.findall(r"^redis-cli (RL\.POLICY SET .*)$", block.code, re.M):
                server.client.execute_command(*line.split())
        addresses = {
            "redis://localhost": server.url,
            "localhost:6379": f"127.0.0.1:{server.port}",
            "http://localhost:8765": f"http://127.0.0.1:{http.port}",
            "https://api.anthropic.com": provider.url,
        }
        for block in parts:
            for name, address in addresses.items():
                block.code = block.code.replace(name, address)
        environment = {**os.environ, "ANTHROPIC_API_KEY": "none", "ANTHROPIC_BASE_URL": provider.url}
        done = subprocess.run(MAKE[language](parts), env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, f"{page}, {language}: {done.stdout}{done.stderr}"
        printed = done.stdout.splitlines()
        for at in range(max(len(says), len(printed))):
            assert says[at : at + 1] == printed[at : at + 1], f"{page}, {language}: shown {says[at:]}, printed {printed[at:]}"
        if any("claude-sonnet" in block.code for block in parts):
            with Limiter(server.url) as limiter:
                info = limiter.info("claude-sonnet")
            used = info and info.used
            assert isinstance(used, dict) and used["rpm"] == 1, f"{page}, {language}: the SDK's call was not counted once: {used}"
    print(f"{page}, {language}: {len(parts)} blocks run, {len(says)} lines printed as shown", flush=True)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--only", choices=MAKE)
    only = options.parse_args().only
    for page, languages in PAGES.items():
        for language in languages:
            if only in (None, language):
                try:
                    run(page, language)
                except AssertionError as error:
                    sys.exit(f"pages.py: {error}")


if __name__ == "__main__":
    main()
