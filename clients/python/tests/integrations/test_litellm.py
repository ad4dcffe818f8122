"""LiteLLM's SDK and Router, with answers that LiteLLM makes up."""

from __future__ import annotations

import asyncio
import os
from typing import Any, AsyncIterator

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # it would fetch it

import litellm
import pytest
import pytest_asyncio
import redis_rl
from redis_rl import Limit
from redis_rl.litellm import RateLimitCallback
from servers import Server

POLICY = [Limit("rpm", 2, 60), Limit("tpm", 10**6, 60, unit="tokens"), Limit("calls", 50, algorithm="inflight")]
MESSAGES = [{"role": "user", "content": "x" * 400}]


# LiteLLM logs in the event loop of its first call.
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def limiter(server: Server, key: str) -> AsyncIterator[redis_rl.AsyncLimiter]:
    async with redis_rl.AsyncLimiter(server.url, policy="lite") as made:
        await made.policy_set("lite", POLICY)
        # Groq settles by what was used. OpenAI does not.
        litellm.callbacks = [RateLimitCallback(made, key=key, profile="groq", wait=0.1)]
        yield made
        litellm.logging_callback_manager._reset_all_callbacks()


async def used(limiter: redis_rl.AsyncLimiter, key: str) -> dict[str, Any]:
    for _ in range(500):
        info = await limiter.info(key)
        assert info and isinstance(info.used, dict)
        if info.reservations == 0:
            return {name: info.used[name] for name in ("rpm", "tpm")}
        await asyncio.sleep(0.01)
    raise AssertionError("a reservation is open")


async def call(**options: Any) -> Any:
    return await litellm.acompletion(model="gpt-4o", messages=MESSAGES, max_tokens=300, **options)


async def test_json(limiter: Any, key: str) -> None:
    response = await call(mock_response="hello there")
    assert await used(limiter, key) == {"rpm": 1, "tpm": response.usage.total_tokens}


async def test_stream(limiter: Any, key: str) -> None:
    parts = [part async for part in await call(mock_response="hello there", stream=True)]
    assert parts
    found = await used(limiter, key)
    assert found["rpm"] == 1 and 0 < found["tpm"] < 400


async def test_denied(limiter: Any, key: str) -> None:
    for _ in range(2):
        await call(mock_response="hello")
    with pytest.raises(litellm.RateLimitError, match="redis-rl"):
        await call(mock_response="hello")


async def test_refused(limiter: Any, key: str) -> None:
    with pytest.raises(litellm.RateLimitError):
        await call(mock_response="litellm.RateLimitError")
    # Whether Groq counts refused requests is not known, so it is taken to count them.
    assert await used(limiter, key) == {"rpm": 1, "tpm": 400}
    assert (await limiter.info(key)).held["rpm"].total_seconds() > 0


async def test_router(limiter: Any, key: str) -> None:
    deployment = {"model_name": "chat", "litellm_params": {"model": "openai/gpt-4o", "api_key": "k", "mock_response": "hello"}}
    router = litellm.Router(model_list=[deployment])
    await router.acompletion(model="chat", messages=MESSAGES)
    assert (await used(limiter, key))["rpm"] == 1
