"""Passes on to a key what a provider's responses say: `AsyncUpstream`. `Upstream` is made from it."""

from __future__ import annotations

import time
from typing import Mapping, Optional

from ..calls import Key
from ..errors import RateLimitError
from ..limits import Limit
from ..profiles import Profile
from ..transport.margin import left_of
from .limiter import AsyncLimiter

DEFAULT_HOLD_MS = 1000
"""How long a key is held after a refusal that does not say when to ask again."""


class AsyncUpstream:
    """What a provider says of one key. Failures are counted in the limiter's `degraded`, and disturb no call."""

    def __init__(self, limiter: AsyncLimiter, key: Key, profile: Profile, margin: Optional[float]) -> None:
        self._limiter, self._key, self._profile, self._margin = limiter, key, profile, margin

    async def tell(
        self, headers: Mapping[str, str], limits: Mapping[str, Limit], sent: float, refused: bool, body_ms: Optional[int] = None
    ) -> None:
        """Holds the key after a refusal, and syncs what is left. `sent` is when the request was sent, by `time.monotonic`."""
        told = self._profile.read(headers)
        left = left_of(told, limits, self._margin)
        try:
            if refused:
                await self._limiter.hold(self._key, (told.hold_ms or body_ms or DEFAULT_HOLD_MS) / 1000)
            if left:
                await self._limiter.sync(self._key, left, age=time.monotonic() - sent)
        except RateLimitError:
            pass
