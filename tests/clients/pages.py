"""The Python program of docs/waiting.md: it is run unchanged, with redis-py against a real server. Only what a reader is to put there is
made up here. tests/llm/pages.py runs those of docs/llm-quotas.md.

And the commands that examples/README.md gives for each example: they are typed in a copy of its folder."""

import functools
import os
import re
import shutil
import subprocess
import sys
import types
from pathlib import Path

import redis

from server import Server

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLES = DOCS.parent / "examples"


def programs(page):
    return re.findall(r"^```python\n(.*?)^```", (DOCS / page).read_text(), re.DOTALL | re.MULTILINE)


def connected_to(server):
    """redis-py, whose default is this server."""
    module = types.ModuleType("redis")
    host, port = re.fullmatch(r"redis://(.*):(\d+)", server.url).groups()
    module.Redis = functools.partial(redis.Redis, host=host, port=int(port))
    return module


def run_program(program, server, names):
    loaded = sys.modules["redis"]
    sys.modules["redis"] = connected_to(server)
    try:
        exec(compile(program, "docs", "exec"), names)
    finally:
        sys.modules["redis"] = loaded


def waiting(server, client):
    (program,) = programs("waiting.md")
    did = []
    run_program(program, server, {name: functools.partial(did.append, name) for name in ("answer", "apologise", "work")})
    assert did == ["answer", "work"], did
    assert client.execute_command("RL.PEEK", "api:anthropic")[2] == 498


def commands():
    """Folder, and what is typed there, of each row of the table."""
    for row in re.findall(r"^\| .*\]\(.*$", (EXAMPLES / "README.md").read_text(), re.MULTILINE):
        cells = row.split(" | ")
        (folder,) = re.findall(r"\]\((\w+)/", cells[2])
        words = re.fullmatch(r"(the same with )?`(.*)`", cells[3])
        # "The same with X" means the row before, with X as its last word.
        command = f"{command.rpartition(' ')[0]} {words[2]}" if words[1] else words[2]
        yield folder, command


def type_commands(server, built, chosen):
    copies = built / "typed"
    shutil.rmtree(copies, ignore_errors=True)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "REDIS_URL": server.url, "CARGO_TARGET_DIR": str(built / "rust")}
    found = list(commands())
    assert {folder for folder, _ in found} >= set(chosen) and len(found) >= 11, found
    for folder, command in found:
        if chosen and folder not in chosen:
            continue
        if not (copies / folder).exists():
            shutil.copytree(EXAMPLES / folder, copies / folder)
        print(f"examples/README.md: {command}", flush=True)
        server.client.flushall()
        done = subprocess.run(["bash", "-euc", command], cwd=copies / folder, env=environment, capture_output=True, text=True)
        assert done.returncode == 0 and "slide" in done.stdout, done.stdout + done.stderr


def run(program, module, built, chosen):
    with Server(program, module) as server:
        waiting(server, redis.Redis.from_url(server.url, protocol=3))
    print("pages: the program of docs/waiting.md does what it says")
    with Server(program, module) as server:
        type_commands(server, built, chosen)
