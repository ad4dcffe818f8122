"""Renews a reservation while its scope is open, for asyncio. `_sync/renewal.py` is for threads."""

from __future__ import annotations

import asyncio
from typing import Awaitable, Callable, Optional

from ..errors import RateLimitError


class Renewal:
    """Calls `renew` each `seconds`, until it is stopped or `renew` answers that the reservation is not open any more."""

    def __init__(self, renew: Callable[[], Awaitable[bool]], seconds: float) -> None:
        self._renew, self._seconds = renew, seconds
        self._task: Optional[asyncio.Task[None]] = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._seconds)
            try:
                if not await self._renew():
                    return
            except RateLimitError:
                # The next renewal comes within the ttl.
                continue

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None
