"""Passes on to a key what a provider's responses say: `AsyncUpstream`. `Upstream` is made from it."""

from __future__ import annotations

from typing import Mapping, Optional

from ..calls import Key
from ..calls.keys import Left
from ..errors import RateLimitError
from ..limits import Limit
from ..profiles import Profile
from ..transport.margin import Word, word_of
from .limiter import AsyncLimiter
from .renewal import Renewal

DEFAULT_HOLD_MS = 1000
"""How long a key is held after a refusal that does not say when to ask again."""
SLACK = 0.01
"""Seconds that a command may take."""


class AsyncUpstream:
    """What a provider says of one key. Failures are counted in the limiter's `degraded`, and disturb no call."""

    def __init__(self, limiter: AsyncLimiter, key: Key, profile: Profile, margin: float) -> None:
        self._limiter, self._key, self._profile, self._margin = limiter, key, profile, margin

    async def tell(self, headers: Mapping[str, str], limits: Mapping[str, Limit], refused: bool, body_ms: Optional[int] = None) -> None:
        """Syncs what is left, and holds what must wait: limits that are low, or the whole key after a refusal."""
        told = self._profile.read(headers)
        retry_ms = (told.hold_ms or body_ms or DEFAULT_HOLD_MS) if refused else 0
        word = word_of(told, limits, self._margin, retry_ms)
        try:
            if retry_ms and not word.low:
                await self._limiter.hold(self._key, retry_ms / 1000)
            if word.left:
                await self._limiter.sync(self._key, word.left)
            await self._hold(word)
        except RateLimitError:
            pass

    async def _hold(self, word: Word) -> None:
        for name, seconds in word.low.items():
            await self._limiter.hold(self._key, round(seconds + SLACK, 3), [name])
        if word.low:
            Renewal(lambda: self._after(word.after_the_hold()), min(word.low.values()))

    async def _after(self, left: Mapping[str, Left]) -> bool:
        """Tells once, at the end of a hold."""
        await self._limiter.sync(self._key, left)
        return False
