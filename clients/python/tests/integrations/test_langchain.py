"""LangChain, with a chat model of its own package."""

from __future__ import annotations

import pytest
import redis_rl
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from redis_rl import Slide
from redis_rl.langchain import RateLimiter
from servers import Server


def test_invoke(server: Server, key: str) -> None:
    limiter = redis_rl.Limiter(server.url)
    model = FakeListChatModel(responses=["a", "b"], rate_limiter=RateLimiter(limiter, Slide(1, 60), key, wait=0.1))
    assert model.invoke("hi").content == "a"
    with pytest.raises(redis_rl.Denied):
        model.invoke("hi")
    limiter.close()


@pytest.mark.parametrize("kind", [redis_rl.Limiter, redis_rl.AsyncLimiter])
async def test_ainvoke(server: Server, key: str, kind: type) -> None:
    limiter = kind(server.url)
    limits = RateLimiter(limiter, Slide(1, 0.2), key, wait=10)
    model = FakeListChatModel(responses=["a", "b"], rate_limiter=limits)
    assert (await model.ainvoke("hi")).content == "a"
    assert (await model.ainvoke("hi")).content == "b"
    assert await limits.aacquire(blocking=False) is False
