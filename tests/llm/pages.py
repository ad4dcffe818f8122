#!/usr/bin/env python3
"""docs/llm-quotas.md: its Python is run, or is a part of examples/llm; its policies are those of examples/policies.toml; its shell lines run.

The lab's provider stands in for the services, and a real server with the module keeps the limits. What is typed at `redis-cli` is tested
by tests/server/pages.rs.

    pages.py --server redis-server --module libredis_rl.so
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[2]
LAB = ROOT / "benches" / "lab"
sys.path.insert(0, str(LAB))

import redis
from run import ask, free_ports, wait_for

PAGE = (ROOT / "docs" / "llm-quotas.md").read_text()
PROGRAMS = {"claude.py": "claude-sonnet", "gpt.py": "gpt", "generic.py": "any-model"}
MODELS = ("claude-sonnet-4-5", "gpt-5", "any-model")
CALL = """
import asyncio
async def main():
    words = {"model": "claude-sonnet-4-5", "max_tokens": 900, "messages": [{"role": "user", "content": "job 9: hello"}]}
    print((await claude.messages.create(**words)).usage.output_tokens)
asyncio.run(main())
"""


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def is_part(block, text):
    """Whether the lines of a block follow each other in a text, at any depth of indentation."""
    shown, lines = textwrap.dedent(block).splitlines(), text.splitlines()
    ranges = (lines[at : at + len(shown)] for at in range(len(lines)))
    return any(textwrap.dedent("\n".join(part)).splitlines() == shown for part in ranges)


def environment(redis_url, provider_url):
    keys = {"ANTHROPIC_API_KEY": "none", "OPENAI_API_KEY": "none", "REDIS_URL": redis_url, "SERVICE_URL": f"{provider_url}/generate"}
    urls = {"ANTHROPIC_BASE_URL": provider_url, "OPENAI_BASE_URL": f"{provider_url}/v1"}
    return {**os.environ, **keys, **urls, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def run(words, of, **options):
    done = subprocess.run(words, cwd=ROOT, env=of, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


def check(client, of):
    python, files = blocks("python"), {name: (ROOT / "examples" / "llm" / name).read_text() for name in (*PROGRAMS, "quota.py")}
    lines = [block for block in python if "import redis_rl" in block or "redis_rl.AsyncLimiter" in block]
    assert len(lines) == 1 and len(lines[0].splitlines()) <= 5, lines
    for block in python:
        assert block in lines or any(is_part(block, text) for text in files.values()), f"not a part of a program in examples/llm:\n{block}"
    parts = {name for name, text in files.items() for block in python if block not in lines and is_part(block, text)}
    assert parts == set(PROGRAMS), parts
    policies = (ROOT / "examples" / "policies.toml").read_text()
    assert all(block in policies for block in blocks("toml")) and len(blocks("toml")) >= 2

    # In the order of the page: the package is installed first, and the five lines need it.
    typed = [line for block in blocks("sh") for line in block.splitlines()]
    assert {Path(line.split()[1]).name for line in typed if line.startswith("python3 ")} == set(PROGRAMS), typed
    client.config_resetstat()
    for line in typed:
        print(f"docs/llm-quotas.md: {line}", flush=True)
        said = run(["bash", "-euc", line], of)
        if line.startswith("python3 "):
            name = Path(line.split()[1]).name
            assert "word" in said, said
            counts(client, PROGRAMS[name], "rl.first", syncs=name != "generic.py")
    output = run([sys.executable, "-c", lines[0].replace("redis://localhost", of["REDIS_URL"]) + CALL], of)
    assert int(output) > 0, output
    counts(client, "claude-sonnet", "rl.quota", syncs=True)


def counts(client, policy, by, syncs):
    """Checks the server's counters after one call: asked once by this command, synced or not, settled, no errors. Then resets them."""
    stats = {verb.removeprefix("cmdstat_").lower(): part for verb, part in client.info("commandstats").items() if "rl." in verb.lower()}
    calls = {verb: part["calls"] for verb, part in stats.items() if verb in (by, "rl.sync", "rl.settle")}
    assert calls == {by: 1, "rl.settle": 1} | ({"rl.sync": 1} if syncs else {}), stats
    assert not any(part["failed_calls"] or part["rejected_calls"] for part in stats.values()), stats
    info = client.execute_command("RL.INFO", policy)
    assert not info or (info["policy"] == policy and info["reservations"] == 0), info  # a key expires when all has come back
    client.config_resetstat()


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--server", required=True)
    options.add_argument("--module", required=True)
    options = options.parse_args()
    redis_port, port = free_ports(2)
    config = {
        "seed": 1,
        "minute": 60,
        "models": {model: {unit: ["bucket", 10**7, 10**7] for unit in ("requests", "input", "output", "tokens")} for model in MODELS},
    }
    with tempfile.TemporaryDirectory(prefix="rl-llm-") as folder:
        words = [options.server, "--port", str(redis_port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        words += ["--loadmodule", os.path.abspath(options.module), "policies", str(ROOT / "examples" / "policies.toml")]
        started = [subprocess.Popen(words, stdout=subprocess.DEVNULL)]
        started.append(subprocess.Popen([sys.executable, f"{LAB}/provider.py", "--port", str(port), "--config", json.dumps(config)]))
        try:
            client, url = redis.Redis(port=redis_port, decode_responses=True, protocol=3), f"http://127.0.0.1:{port}"
            wait_for(client.ping)
            wait_for(lambda: ask(f"{url}/lab/start", {}))
            check(client, environment(f"redis://127.0.0.1:{redis_port}", url))
        finally:
            for each in started:
                each.kill()
                each.wait()
    print("docs/llm-quotas.md: its programs do what it says")


if __name__ == "__main__":
    main()
