"""Many calls with the SDKs, JSON and streams at random: what is settled is what the provider has counted. And what a transport costs."""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from typing import Any, Iterator

import anthropic
import httpx2
import pytest
import redis
import redis_rl
from redis_rl import Limit
from servers import ROOT, Provider, Server

sys.path.append(str(ROOT / "benches" / "lab"))
import jobs

CALLS = 1000
MODEL = {"requests": ["bucket", 10**6, 10**6], "input": ["bucket", 10**9, 10**9], "output": ["bucket", 10**9, 10**9]}
# A minute of the provider is 0.6 s, so that its answers come quickly.
CONFIG = json.dumps({"seed": 3, "minute": 0.6, "models": {"claude-sonnet": MODEL}})
POLICY = [Limit("rpm", 10**6, "1d"), Limit("input", 10**9, "1d", unit="input"), Limit("output", 10**9, "1d", unit="output"), Limit("calls", 200, algorithm="inflight")]


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with Provider(CONFIG) as started:
        httpx2.post(f"{started.url}/lab/start", json={})
        yield started


async def test_what_is_settled_is_what_the_provider_has_counted(server: Server, provider: Provider, key: str) -> None:
    limiter = redis_rl.AsyncLimiter(server.url, policy="random", timeout=10)
    await limiter.policy_set("random", POLICY)
    transport = redis_rl.httpx2.Transport(limiter, key=key, wait=60)
    claude = anthropic.AsyncAnthropic(http_client=httpx2.AsyncClient(transport=transport), api_key="k", base_url=provider.url, max_retries=0)
    dice, free = random.Random(11), asyncio.Semaphore(40)
    counted = {"input": 0, "output": 0}

    async def call(number: int, is_stream: bool) -> None:
        text = jobs.prompt(3, f"r{number}")
        words: Any = {"model": "claude-sonnet", "max_tokens": 1024, "messages": [{"role": "user", "content": text}]}
        async with free:
            if is_stream:
                async with claude.messages.stream(**words) as stream:
                    message = await stream.get_final_message()
            else:
                message = await claude.messages.create(**words)
        given, produced, _ = jobs.size(3, f"r{number}")
        assert (message.usage.input_tokens, message.usage.output_tokens) == (given, produced)
        counted["input"] += given
        counted["output"] += produced

    await asyncio.gather(*(call(number, dice.random() < 0.5) for number in range(CALLS)))
    info = await limiter.info(key)
    assert info and info.used == {"rpm": CALLS, **counted, "calls": 0}
    assert info.reservations == 0
    await claude.close()
    await limiter.close()


def test_overhead_of_a_call(server: Server, key: str, capsys: Any) -> None:
    """Prints the ratio to the raw command. A loaded machine decides how long it takes, so nothing is asserted of it but that it works."""
    raw, limiter = redis.Redis(port=server.port), redis_rl.Limiter(server.url)

    def seconds(ask: Any) -> float:
        begin = time.perf_counter()
        for _ in range(2000):
            ask()
        return time.perf_counter() - begin

    pairs = [
        (seconds(lambda: raw.execute_command("RL.SLIDE", key, 10**6, "60000ms")), seconds(lambda: limiter.slide(key, 10**6, 60))) for _ in range(3)
    ]
    plain, ours = (min(times) / 2000 * 1e6 for times in zip(*pairs))
    with capsys.disabled():
        print(f"\nraw command {plain:.0f} us, limiter.slide {ours:.0f} us, ratio {ours / plain:.2f}")
    assert limiter.slide(key, 10**6, 60).remaining == 10**6 - 12_001
    limiter.close()
