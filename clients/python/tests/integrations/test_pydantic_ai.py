"""pydantic-ai, with a model of its own package."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import redis_rl
from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart
from pydantic_ai.models.concurrency import ConcurrencyLimitedModel
from pydantic_ai.models.function import AgentInfo, FunctionModel
from redis_rl import Limit
from redis_rl.pydantic_ai import RateLimiter
from servers import Server

LIMITS = [Limit("rpm", 100, 60), Limit("calls", 2, algorithm="inflight")]


async def test_calls_of_all_agents_are_bounded(server: Server, key: str) -> None:
    now = most = 0

    async def answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.02)
        now -= 1
        return ModelResponse(parts=[TextPart("hello")])

    limiters = [redis_rl.AsyncLimiter(server.url) for _ in range(2)]
    agents = [Agent(ConcurrencyLimitedModel(FunctionModel(answer), limiter=RateLimiter(each, key, limits=LIMITS))) for each in limiters]
    results: list[Any] = await asyncio.gather(*(agents[number % 2].run("hi") for number in range(12)))
    assert [result.output for result in results] == ["hello"] * 12
    assert most == 2
    for _ in range(500):
        info = await limiters[0].info(key)
        assert info and isinstance(info.used, dict)
        if info.reservations == 0:
            break
        await asyncio.sleep(0.01)
    assert (info.used["rpm"], info.used["calls"]) == (12, 0)
    for each in limiters:
        await each.close()


async def test_denied(server: Server, key: str) -> None:
    async with redis_rl.AsyncLimiter(server.url) as limiter:
        limits = RateLimiter(limiter, key, limits=[Limit("calls", 1, algorithm="inflight")], wait=0.1)
        await limits.acquire("test")
        with pytest.raises(redis_rl.Denied):
            await limits.acquire("test")
        limits.release()
