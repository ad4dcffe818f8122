"""Random answers through a transport: the reader gets the bytes that were sent, as soon as without it, and what is settled is what the provider counted.

RL_STREAM_CALLS (100) is the number of calls. From 1,000 on, the delay of the first byte is bounded, too.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from typing import Any, Iterator

import httpx2
import pytest
import redis_rl
from redis_rl import Limit
from servers import ROOT, Program, Server, folder, free_port, wait_until

CALLS = int(os.environ.get("RL_STREAM_CALLS", 100))
MOST_DELAY_MS = 2
MOST_OUTPUT, ESTIMATED_INPUT, ESTIMATED_OUTPUT = 4000, 10, 500
POLICY = [
    Limit("requests", 10**6, "1d"),
    Limit("input", 10**9, "1d", unit="input"),
    Limit("output", 10**9, "1d", unit="output"),
    Limit("calls", 50, algorithm="inflight"),
]


class Answers(Program):
    def __init__(self) -> None:
        port, program = free_port(), ROOT / "tests" / "packages" / "random_answers.py"
        super().__init__([sys.executable, str(program), "--port", str(port), "--seed", "7", "--calls", str(CALLS)], port, folder())
        self.url = f"http://127.0.0.1:{port}"
        self.client = httpx2.Client(base_url=self.url)

    def stop(self) -> None:
        self.client.close()
        super().stop()


@pytest.fixture(scope="module")
def answers() -> Iterator[Answers]:
    with Answers() as started:
        yield started


class Caller:
    """Calls with a client of either kind, with a limit or without it."""

    def __init__(self, kind: str, url: str, limiter: Any) -> None:
        self._url, self._is_async = url, kind == "asyncio"
        transport = None
        if limiter is not None:
            transport = redis_rl.httpx2.Transport(limiter, policy="random", key=lambda model: f"{kind}:{model}", expected_output=ESTIMATED_OUTPUT)
        self._client: Any = (httpx2.AsyncClient if self._is_async else httpx2.Client)(transport=transport, timeout=30)

    async def read(self, number: int, leave: int) -> tuple[bytes, int]:
        """Returns what came, and when its first byte came. Leaves after `leave` bytes, if it is not 0."""
        words = {"json": {"model": f"m-{number}", "max_tokens": MOST_OUTPUT, "messages": [{"role": "user", "content": "x" * 40}]}}
        came, first = bytearray(), 0
        try:
            if self._is_async:
                async with self._client.stream("POST", self._url + "/v1/messages", **words) as response:
                    async for piece in response.aiter_raw():
                        first, _ = first or time.monotonic_ns(), came.extend(piece)
                        if leave and len(came) >= leave:
                            break
            else:
                with self._client.stream("POST", self._url + "/v1/messages", **words) as response:
                    for piece in response.iter_raw():
                        first, _ = first or time.monotonic_ns(), came.extend(piece)
                        if leave and len(came) >= leave:
                            break
        except httpx2.RemoteProtocolError:
            pass  # it broke off
        return bytes(came), first

    async def close(self) -> None:
        await self._client.aclose() if self._is_async else self._client.close()


def passed(came: bytes) -> tuple[bool, int]:
    """Returns whether the event that tells the input has passed whole, and the bytes of text in the whole events."""
    whole = came.replace(b"\r\n", b"\n").split(b"\n\n")[:-1]
    bodies = [json.loads(match[1]) for each in whole if (match := re.search(rb"^data: (.*)$", each, re.M))]
    texts = [body["delta"].get("text", "") + body["delta"].get("partial_json", "") for body in bodies if body["type"] == "content_block_delta"]
    return any(body["type"] == "message_start" for body in bodies), sum(len(text.encode()) for text in texts)


def expected(kind: str, came: bytes, given: int, output: int) -> dict[str, int]:
    """Returns what is charged. A stream that ends early is settled at what has passed, by the rule that four bytes are a token."""
    if kind not in ("json", "stream"):
        is_told, text = passed(came)
        given, output = (given, -(-text // 4)) if is_told else (ESTIMATED_INPUT, ESTIMATED_OUTPUT)
    return {"requests": 1, "input": given, "output": output, "calls": 0}


def p99(values: list[int]) -> float:
    return sorted(values)[int(0.99 * len(values))] / 1e6


@pytest.mark.parametrize("kind", ["threads", "asyncio"])
async def test_random_answers_pass_as_they_are(kind: str, server: Server, answers: Answers, capsys: Any) -> None:
    setter = redis_rl.Limiter(server.url)
    setter.policy_set("random", POLICY)
    limiter: Any = (redis_rl.AsyncLimiter if kind == "asyncio" else redis_rl.Limiter)(server.url, timeout=5)
    limited, plain = Caller(kind, answers.url, limiter), Caller(kind, answers.url, None)
    delays: dict[str, list[int]] = {"limited": [], "plain": []}
    charged: list[dict[str, int]] = []
    for number, plan in enumerate(answers.client.get("/plan").json()):
        # Which of the two goes first alternates.
        for name, caller in [("limited", limited), ("plain", plain)][:: 1 if number % 2 else -1]:
            came, first = await caller.read(number, plan["leave"])
            log = answers.client.get(f"/sent/{number}")
            assert came == log.content if plan["kind"] != "abandoned" else came and log.content.startswith(came), (number, plan, name)
            delays[name].append(first - int(log.headers["x-first"]))
            if name == "limited":
                charged.append(expected(plan["kind"], came, int(log.headers["x-input"]), int(log.headers["x-output"])))

    def settled(number: int) -> Any:
        info = setter.info(f"{kind}:m-{number}")
        return info if info and info.reservations == 0 else None

    for number, costs in enumerate(charged):
        info = wait_until(f"the reservation of call {number} is settled", lambda: settled(number), 10)
        assert info.used == costs, (number, answers.client.get("/plan").json()[number])
    with_limit, without = p99(delays["limited"]), p99(delays["plain"])
    with capsys.disabled():
        print(f"\n{kind}: {CALLS} calls, first byte after {with_limit:.2f} ms with a limit, {without:.2f} ms without (p99)")
    assert CALLS < 1000 or with_limit - without <= MOST_DELAY_MS
    await limited.close()
    await plain.close()
    closed = limiter.close()
    await closed if kind == "asyncio" else closed
    setter.close()
