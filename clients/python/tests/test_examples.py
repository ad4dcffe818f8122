"""The examples run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import redis_rl
from redis_rl import Limit
from servers import Provider, Server

EXAMPLES = Path(__file__).parents[1] / "examples"
PROGRAMS = sorted(path.name for path in EXAMPLES.glob("*.py"))


def run(words: list[str], **environment: str) -> str:
    done = subprocess.run([sys.executable, *words], cwd=EXAMPLES, env={**os.environ, **environment}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_calls(server: Server) -> None:
    lines = run(["calls.py"], REDIS_URL=server.url).splitlines()
    assert lines[0].startswith("Decision(allowed=True, limit=500, remaining=499")
    assert "True True" in lines and lines[-1] == "True Counter()"


def test_reserve(server: Server) -> None:
    assert "remaining=89188" in run(["reserve.py"], REDIS_URL=server.url)


def test_claude(server: Server) -> None:
    redis_rl.Limiter(server.url).policy_set("claude-sonnet", [Limit("rpm", 10, 60)])
    model = {"requests": ["bucket", 600, 100]}
    with Provider(json.dumps({"seed": 1, "minute": 60, "models": {"claude-sonnet": model}})) as provider:
        environment = {"REDIS_URL": server.url, "ANTHROPIC_BASE_URL": provider.url, "ANTHROPIC_API_KEY": "k"}
        assert run(["claude.py", "job 1: hello"], **environment) == "word word word \n"


@pytest.mark.parametrize("module", ["fastapi_app", "flask_app", "celery_app"])
def test_applications_are_importable(server: Server, module: str) -> None:
    run(["-c", f"import {module}; {module}.app"], REDIS_URL=server.url)


def test_none_is_left_out() -> None:
    assert PROGRAMS == ["calls.py", "celery_app.py", "claude.py", "fastapi_app.py", "flask_app.py", "reserve.py"]
