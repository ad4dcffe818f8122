#!/usr/bin/env python3
"""A stranger's walk: the first part of README.md, typed into a clean Debian root, to a limited call of Anthropic's SDK and a limited web route.

    walk.py --root FOLDER [--module FILE]

All that is typed is cut out of README.md. The root has a copy of the repository, and this system's Rust toolchain in the place of rustup's.
The lab's provider stands for Anthropic: the SDK's own variables name it. `--module` is a ready module, which `cargo build` then copies: the
minutes are without the build. Ports 6379 and 8000 must be free, as the page says them. .ci/test-walk.sh makes the root. Needs root.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Callable

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "clients" / "python" / "tests"))

from servers import Provider, accepts, wait_until  # noqa: E402

PAGE = "README.md"
HOME = "/root/redis-rl"
END = "## Which set-up do I have?"
MODEL = {"requests": ["bucket", 6000, 1000], "input": ["bucket", 6_000_000, 1_000_000], "output": ["bucket", 6_000_000, 1_000_000]}
STARTS_A_SERVER = ("make run", "uvicorn ")
# What the root takes over of this system: how it reaches registries.
PASSED = re.compile(r"(PIP|CARGO|RUSTUP)_\w+|\w+_proxy|\w+_PROXY")


class Terminal:
    """A shell in the root, into which lines are typed."""

    def __init__(self, root: Path, environment: dict[str, str]) -> None:
        words = ["chroot", str(root), "/usr/bin/env", "-i", *(f"{name}={value}" for name, value in environment.items()), "bash"]
        pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        self.shell = subprocess.Popen(words, start_new_session=True, **pipes)
        self.said: list[str] = []
        self._ends: list[int] = []
        threading.Thread(target=self._read, daemon=True).start()
        self.type(f"cd {HOME}")

    def _read(self) -> None:
        assert self.shell.stdout
        for line in self.shell.stdout:
            found = re.fullmatch(r"walk ended (\d+)\n", line)
            self._ends.append(int(found[1])) if found else self.said.append(line)

    def write(self, text: str) -> None:
        assert self.shell.stdin
        self.shell.stdin.write(text)
        self.shell.stdin.flush()

    def type(self, line: str, seconds: float = 1200) -> str:
        """Types a line and waits for its end. Returns what it said."""
        said, ended = len(self.said), len(self._ends)
        self.write(f"{line}\nstatus=$?; echo; echo walk ended $status\n")
        wait_until(f"{line.splitlines()[0]} ends", lambda: len(self._ends) > ended or self.shell.poll() is not None, seconds)
        text = "".join(self.said[said:])
        assert self._ends[ended:] == [0], f"{line}: {self._ends[ended:]}: {text[-3000:]}"
        return text.strip()

    def close(self) -> None:
        os.killpg(self.shell.pid, signal.SIGKILL)
        self.shell.wait()


class Walk:
    """Types what the page shows, and counts it."""

    def __init__(self, root: Path, environment: dict[str, str]) -> None:
        self._root, self._environment = root, environment
        self.terminals: list[Terminal] = []
        self.here = self.terminal()
        self.typed: list[tuple[str, float]] = []

    def terminal(self) -> Terminal:
        self.terminals.append(Terminal(self._root, self._environment))
        return self.terminals[-1]

    def line(self, line: str) -> str:
        begin = time.monotonic()
        if line.startswith(STARTS_A_SERVER):
            # It keeps its terminal. So another one goes on, with the same settings.
            self.here.write(f"{line}\n")
            port, before = (6379 if line == "make run" else 8000), self.here
            wait_until(f"{line} serves", lambda: accepts(port) or before.shell.poll() is not None, 1800)
            assert before.shell.poll() is None, "".join(before.said[-50:])
            self.here, said = self.terminal(), ""
        else:
            said = self.here.type(re.sub(r"\s+# .*", "", line))
        self.typed.append((line, time.monotonic() - begin))
        print(f"{time.monotonic() - begin:7.1f} s  {line}", flush=True)
        return said

    def close(self) -> None:
        for terminal in self.terminals:
            terminal.close()


def parts(text: str) -> list[tuple[str, str]]:
    """The page's lines to type, in order: [(language or "apt", text)]. A block of Python may have the name of its file before it."""
    found = []
    for language, block, install in re.findall(r"^```(\w*)\n(.*?)^```$|`(apt install [^`]*)`", text, re.M | re.S):
        found.append(("apt", install) if install else (language, block))
    return found


def answered(url: str) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return response.status, response.headers
    except urllib.error.HTTPError as error:
        return error.code, error.headers


def python(walk: Walk, text: str, block: str, root: Path, earlier: list[str]) -> str:
    """Saves a block where the page says so, or types it into Python. Returns what that printed."""
    name = re.search(r"[Ss]ave this as `(\w+\.py)`:\n\n```python\n" + re.escape(block), text)
    if name:
        (root / HOME[1:] / name[1]).write_text(block)
        return ""
    # One session of Python: what it has read before is still there.
    said = walk.line(f"python3 - <<'END'\n{''.join(earlier)}{block}END")
    earlier.append(block)
    return said


def shows(block: str) -> list[str]:
    return re.findall(r"print\(.*\)  # (.*)$", block, re.M)


def walk_through(walk: Walk, root: Path, provider: Provider) -> None:
    text = (ROOT / PAGE).read_text().split(END)[0]
    todo = parts(text)
    # The page names what has to be there first below its first block.
    todo.sort(key=lambda part: part[0] != "apt")
    earlier: list[str] = []
    for language, block in todo:
        if language == "apt":
            walk.line("apt update -qq")
            walk.line(block.replace("apt install", "apt install -qq -y --no-install-recommends"))
        elif language == "python":
            said = python(walk, text, block, root, earlier)
            for shown in shows(block):
                assert shown in said.splitlines(), f"the page shows {shown}: {said}"
        elif block.startswith("RL."):
            continue  # a drawing
        else:
            for line in block.splitlines():
                said = walk.line(line)
                if line.startswith("redis-cli RL.SLIDE"):
                    assert said.split() == ["1", "500", "499", "0", "60000"], said
                elif line.startswith("curl "):
                    assert "200 OK" in said and "ratelimit-policy:" in said.lower(), said
    log = json.load(urllib.request.urlopen(f"{provider.url}/lab/log", timeout=10))
    assert (log["requests"], log["refused_at"]) == (1, []), log
    used = walk.here.type("redis-cli RL.INFO claude-sonnet").split()
    assert "rpm" in used, used
    codes = [answered("http://localhost:8000")[0] for _ in range(99)]
    assert codes == [200] * 99, codes
    code, headers = answered("http://localhost:8000")
    assert code == 429 and 0 < int(headers["retry-after"]) <= 60, (code, headers)


def stand_in_for_rustup(root: Path, module: Path | None) -> list[Path]:
    """Puts a toolchain into the root. Returns what is mounted there."""
    if module:
        shutil.copy(module, root / "root" / "module.so")
        version = subprocess.run(["cargo", "--version"], capture_output=True, text=True, check=True).stdout.strip()
        program = f"""#!/bin/sh
[ "$1" = --version ] && echo "{version}" && exit
[ "$*" = "build --release" ] || exit 1
mkdir -p target/release && cp /root/module.so target/release/libredis_rl.so
"""
        (root / "usr/local/bin/cargo").write_text(program)
        (root / "usr/local/bin/cargo").chmod(0o755)
        return []
    mounted = []
    for name in (".cargo", ".rustup"):
        place = root / "root" / name
        place.mkdir()
        subprocess.run(["mount", "--bind", Path.home() / name, place], check=True)
        mounted.append(place)
    return mounted


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--root", type=Path, required=True)
    options.add_argument("--module", type=Path)
    chosen = options.parse_args()
    for port in (6379, 8000):
        if accepts(port):
            sys.exit(f"walk.py: port {port} is taken")
    mounted = stand_in_for_rustup(chosen.root, chosen.module)
    begin = time.monotonic()
    with Provider(json.dumps({"seed": 1, "minute": 60, "models": {"claude-sonnet": MODEL}})) as provider:
        urllib.request.urlopen(f"{provider.url}/lab/start", data=b"{}", timeout=10)
        environment = {name: value for name, value in os.environ.items() if PASSED.fullmatch(name)}
        environment |= {"PATH": "/root/.cargo/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8"}
        if (certificates := chosen.root / "root" / "ca-certificates.crt").exists():
            environment |= dict.fromkeys(("PIP_CERT", "SSL_CERT_FILE"), f"/root/{certificates.name}")
        environment |= {"ANTHROPIC_API_KEY": "none", "ANTHROPIC_BASE_URL": provider.url, "DEBIAN_FRONTEND": "noninteractive"}
        walk = Walk(chosen.root, environment)
        try:
            walk_through(walk, chosen.root, provider)
        except AssertionError as error:
            sys.exit(f"walk.py: {error}")
        finally:
            walk.close()
            for place in mounted:
                subprocess.run(["umount", place], check=False)
    minutes = (time.monotonic() - begin) / 60
    built = ", without the build of the module" if chosen.module else ""
    print(f"{len(walk.typed)} commands, {minutes:.1f} minutes{built}: a limited call of the SDK and a limited route")


if __name__ == "__main__":
    main()
