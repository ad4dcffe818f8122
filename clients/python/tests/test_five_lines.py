"""The wheel, installed with redis and the SDK alone into a clean environment: the five lines of the README against the lab's provider."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import venv
from pathlib import Path
from typing import Iterator

import pytest
import redis_rl
from redis_rl import Limit
from servers import Provider, Server

HERE = Path(__file__).parents[1]
MODEL = {"requests": ["bucket", 6000, 1000], "input": ["bucket", 6000000, 1000000], "output": ["bucket", 6000000, 1000000]}


@pytest.fixture
def own_server() -> Iterator[Server]:
    with Server() as started:
        yield started


def test_five_lines_in_a_clean_environment(tmp_path: Path, own_server: Server) -> None:
    subprocess.run([sys.executable, "-m", "build", "--no-isolation", "--outdir", tmp_path / "dist", HERE], check=True, capture_output=True)
    wheel, sdist = next((tmp_path / "dist").glob("*.whl")), next((tmp_path / "dist").glob("*.tar.gz"))
    assert sdist.exists()
    venv.create(tmp_path / "clean", with_pip=True)
    python = tmp_path / "clean" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", f"{wheel}[redis]", "anthropic"], check=True, capture_output=True)
    readme = (HERE / "README.md").read_text()
    found = re.search(r"```python\n(import anthropic.*?)```", readme, re.S)
    assert found
    lines = found[1].strip().splitlines()
    assert len(lines) <= 5
    limiter = redis_rl.Limiter(own_server.url)
    limiter.policy_set("claude-sonnet", [Limit("rpm", 1000, 60), Limit("output", 10**6, 60, unit="output")])
    with Provider(json.dumps({"seed": 1, "minute": 60, "models": {"claude-sonnet": MODEL}})) as provider:
        program = "\n".join(lines).replace("redis://localhost", own_server.url) + (
            "\nimport asyncio\n"
            "async def main():\n"
            '    message = await claude.messages.create(model="claude-sonnet", max_tokens=900, messages=[{"role": "user", "content": "job 1: hello"}])\n'
            "    print(message.usage.output_tokens)\n"
            "asyncio.run(main())\n"
        )
        environment = {"ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": provider.url, "PATH": "/usr/bin:/bin"}
        done = subprocess.run([python, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    info = limiter.info("claude-sonnet")
    assert info and info.used == {"rpm": 1, "output": int(done.stdout)}
