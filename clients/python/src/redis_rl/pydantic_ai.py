"""A limiter for pydantic-ai that all processes share.

    model = ConcurrencyLimitedModel("anthropic:claude-sonnet-4-5", limiter=RateLimiter(limiter, "q:claude", policy="claude-sonnet"))

pydantic-ai asks it before each request, and says when the request is over. So it counts requests and in-flight calls, and no tokens. To
count tokens, give the provider an HTTP client with `redis_rl.httpx.Transport`.
"""

from __future__ import annotations

from collections import deque
from typing import Deque, Optional, Sequence

from pydantic_ai.concurrency import AbstractConcurrencyLimiter

from ._async.limiter import AsyncLimiter, Priority
from ._async.reservation import AsyncReservation
from ._async.shield import in_background
from .durations import Duration
from .limits import Limit

__all__ = ["RateLimiter"]


class RateLimiter(AbstractConcurrencyLimiter):
    """Reserves under a policy, or under limits, such as `Limit("calls", 20, algorithm="inflight")`. Raises `Denied` after `wait`."""

    def __init__(
        self,
        limiter: AsyncLimiter,
        key: str,
        *,
        policy: Optional[str] = None,
        limits: Sequence[Limit] = (),
        wait: Duration = 60,
        priority: Priority = None,
        ttl: Duration = 60,
    ) -> None:
        self._limiter, self._key, self._policy, self._limits = limiter, key, policy, limits
        self._wait, self._priority, self._ttl = wait, priority, ttl
        self._open: Deque[AsyncReservation] = deque()

    async def acquire(self, source: str) -> None:
        """Stands in line for a request."""
        reservation = self._limiter.reserve(
            self._key, self._policy, limits=self._limits, ttl=self._ttl, wait=self._wait, priority=self._priority
        )
        self._open.append(await reservation.__aenter__())

    def release(self) -> None:
        """Ends a request. Which one does not matter: all have the same costs."""
        if self._open:
            in_background(self._open.popleft().__aexit__, None, None, None)
