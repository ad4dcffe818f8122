"""The Python programs in docs/: each is run unchanged, with redis-py against a real server. Only the call to a provider,
which costs money, and what a reader is to put there, are made up here.

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


class Provider:
    """Of the module anthropic what the program uses; `fails` is what its next call raises."""

    class RateLimitError(Exception):
        pass

    fails = None

    def __init__(self, **_):
        self.messages = self

    def stream(self, model, max_tokens, messages):
        assert model == "claude-sonnet-4-5" and max_tokens == 4096 and messages[0]["content"] == "hello"
        return self

    def __enter__(self):
        if Provider.fails:
            raise Provider.fails
        self.text_stream = iter(["he", "llo"])
        return self

    def __exit__(self, *_):
        pass

    def get_final_message(self):
        return types.SimpleNamespace(usage=types.SimpleNamespace(input_tokens=30, output_tokens=8))


def run_program(program, server, names):
    loaded = {name: sys.modules.get(name) for name in ("redis", "anthropic")}
    anthropic = types.ModuleType("anthropic")
    anthropic.Anthropic, anthropic.RateLimitError = Provider, Provider.RateLimitError
    sys.modules.update(redis=connected_to(server), anthropic=anthropic)
    try:
        exec(compile(program, "docs", "exec"), names)
    finally:
        for name, module in loaded.items():
            if module:
                sys.modules[name] = module
            else:
                del sys.modules[name]
    return names


def waiting(server, client):
    (program,) = programs("waiting.md")
    did = []
    run_program(program, server, {name: functools.partial(did.append, name) for name in ("answer", "apologise", "work")})
    assert did == ["answer", "work"], did
    assert client.execute_command("RL.PEEK", "api:anthropic")[2] == 498


def llm_quotas(server, client):
    (program,) = programs("llm-quotas.md")
    client.execute_command(*"RL.POLICY SET claude-sonnet LIMIT input 200000 60 UNIT input LIMIT output 90000 60 UNIT output LIMIT calls 5 INFLIGHT".split())
    names = run_program(program, server, {})

    def used():
        info = client.execute_command("RL.INFO", "q:claude-sonnet")
        return info[b"used"], info[b"reservations"]

    def ends(fails, expected):
        Provider.fails = fails
        try:
            told = "".join(names["ask"]("hello", 100))
            assert fails is None and told == "hello", told
        except (Provider.RateLimitError, TimeoutError):
            assert fails is not None
        assert used() == (expected, 0), (fails, used())

    ends(None, {b"input": 30, b"output": 8, b"calls": 0})
    # A refused call is not charged. A call with an unknown result stays charged as estimated.
    ends(Provider.RateLimitError(), {b"input": 30, b"output": 8, b"calls": 0})
    ends(TimeoutError(), {b"input": 130, b"output": 4104, b"calls": 0})


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
    for page in (waiting, llm_quotas):
        with Server(program, module) as server:
            page(server, redis.Redis.from_url(server.url, protocol=3))
    print("pages: the programs in docs/ do what they say")
    with Server(program, module) as server:
        type_commands(server, built, chosen)
