"""A rate limiter for LangChain's chat models: `ChatAnthropic(..., rate_limiter=RateLimiter(limiter, redis_rl.Slide(500, 60), "api:claude"))`.

LangChain asks it before each request, and tells it nothing of tokens. To count tokens, give the model an HTTP client with
`redis_rl.httpx.Transport`.
"""

from __future__ import annotations

import asyncio
from typing import Optional, Union

from langchain_core.rate_limiters import BaseRateLimiter

from ._async.limiter import AsyncLimiter, Priority
from ._sync.limiter import Limiter
from .durations import Duration
from .errors import Denied
from .rules import AnyDecision, Rule

__all__ = ["RateLimiter"]


class RateLimiter(BaseRateLimiter):
    """Stands in line for `wait`, then raises `Denied`. With a `Limiter` it serves `invoke`, with an `AsyncLimiter` `ainvoke`."""

    def __init__(
        self, limiter: Union[Limiter, AsyncLimiter], rule: Rule, key: str, *, wait: Duration = 60, priority: Priority = None, cost: int = 1
    ) -> None:
        self._limiter, self._rule, self._key = limiter, rule, key
        self._wait, self._priority, self._cost = wait, priority, cost

    def acquire(self, *, blocking: bool = True) -> bool:
        if not isinstance(self._limiter, Limiter):
            raise TypeError("invoke takes a rate limiter with a Limiter, ainvoke one with an AsyncLimiter")
        wait = self._wait if blocking else None
        return self._checked(self._limiter.ask(self._key, self._rule, cost=self._cost, wait=wait, priority=self._priority), blocking)

    async def aacquire(self, *, blocking: bool = True) -> bool:
        wait: Optional[Duration] = self._wait if blocking else None
        options = {"cost": self._cost, "wait": wait, "priority": self._priority}
        if isinstance(self._limiter, Limiter):
            return self._checked(await asyncio.to_thread(self._limiter.ask, self._key, self._rule, **options), blocking)  # type: ignore[arg-type]
        return self._checked(await self._limiter.ask(self._key, self._rule, cost=self._cost, wait=wait, priority=self._priority), blocking)

    @staticmethod
    def _checked(decision: AnyDecision, blocking: bool) -> bool:
        if blocking and not decision:
            raise Denied(decision)
        return bool(decision)
