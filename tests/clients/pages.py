"""The Python programs in docs/: each is run as it stands, with redis-py against a real server. Only the call to a provider,
which costs money, and what a reader is to put in place of it, are made up here."""

import functools
import re
import sys
import types
from pathlib import Path

import redis

from server import Server

DOCS = Path(__file__).parents[2] / "docs"


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
    kept = {name: sys.modules.get(name) for name in ("redis", "anthropic")}
    anthropic = types.ModuleType("anthropic")
    anthropic.Anthropic, anthropic.RateLimitError = Provider, Provider.RateLimitError
    sys.modules.update(redis=connected_to(server), anthropic=anthropic)
    try:
        exec(compile(program, "docs", "exec"), names)
    finally:
        for name, module in kept.items():
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
    # A call that was refused was not counted; one of which nothing is known stays charged as estimated.
    ends(Provider.RateLimitError(), {b"input": 30, b"output": 8, b"calls": 0})
    ends(TimeoutError(), {b"input": 130, b"output": 4104, b"calls": 0})


def run(program, module):
    for page in (waiting, llm_quotas):
        with Server(program, module) as server:
            page(server, redis.Redis.from_url(server.url, protocol=3))
    print("pages: the programs in docs/ do what they say")
