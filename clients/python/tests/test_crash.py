"""Processes that are killed in the middle of their calls: their slots are back after the ttl, and the provider's limits hold.

RL_CRASH_PROCESSES (8) is their number.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx2
import redis_rl
from holders import TTL
from redis_rl import Limit
from servers import Provider, Server, wait_until

PROCESSES = int(os.environ.get("RL_CRASH_PROCESSES", 8))
SECONDS = max(2, PROCESSES / 10)
SLOTS, RATE = 20, 50
WIDE = ["bucket", 10**9, 10**9]
CONFIG = {"seed": 3, "minute": 60, "models": {"claude-sonnet": {"requests": ["bucket", RATE * 60, 200], "input": WIDE, "output": WIDE}}}
POLICY = [Limit("requests", RATE * 60, 60, algorithm="bucket", capacity=100), Limit("calls", SLOTS, algorithm="inflight")]


def test_slots_of_killed_processes_are_back_after_the_ttl(tmp_path: Path, capsys: Any) -> None:
    dice = random.Random(5)
    with Server() as server, Provider(json.dumps(CONFIG)) as provider, redis_rl.Limiter(server.url, timeout=5) as limiter:
        limiter.policy_set("crash", POLICY)
        httpx2.post(f"{provider.url}/lab/start", json={})
        words = [sys.executable, str(Path(__file__).parent / "holders.py"), server.url, provider.url, str(PROCESSES)]
        with open(tmp_path / "errors", "w") as errors:
            holders = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=errors, text=True)
        assert holders.stdout
        alive = [int(holders.stdout.readline()) for _ in range(PROCESSES)]

        def open_calls() -> int:
            info = limiter.info("crash")
            # A key of which nothing is used is no longer there.
            return info.used["calls"] if info and isinstance(info.used, dict) else 0

        try:
            wait_until("all slots are taken", lambda: open_calls() == SLOTS, 60)
            begin, most = time.monotonic(), 0
            for at in sorted(dice.uniform(0, SECONDS) for _ in range(PROCESSES)):
                while time.monotonic() < begin + at:
                    most = max(most, open_calls())
                os.kill(alive.pop(dice.randrange(len(alive))), signal.SIGKILL)
        finally:
            for process in alive:
                os.kill(process, signal.SIGKILL)
        killed, left = time.monotonic(), open_calls()
        assert 0 < left <= most <= SLOTS
        wait_until("all slots are back", lambda: open_calls() == 0, 20)
        back = time.monotonic() - killed
        holders.wait()
        log = httpx2.get(f"{provider.url}/lab/log", timeout=60).json()
    with capsys.disabled():
        print(f"\n{PROCESSES} killed, {left} slots back after {back:.1f} s; at most {most} of {SLOTS} calls at once, {log['requests']} requests")
    # A killed process has renewed its slots just before, at the latest.
    assert back < TTL + 1
    assert log["refused_at"] == []
    assert "the provider" not in (tmp_path / "errors").read_text()
