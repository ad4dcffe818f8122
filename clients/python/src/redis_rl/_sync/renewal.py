"""Renews a reservation while its scope is open, for threads: one thread renews all of a process. `_async/renewal.py` is for asyncio."""

from __future__ import annotations

import heapq
import itertools
import os
import threading
import time
from typing import Callable, Optional

from ..errors import RateLimitError


class _Clock:
    """A thread that starts when there is something to renew, and ends when there is nothing."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        self._due: list[tuple[float, int, Renewal]] = []
        self._changed = threading.Condition()
        self._numbers = itertools.count()
        self._thread: Optional[threading.Thread] = None

    def add(self, renewal: Renewal) -> None:
        with self._changed:
            heapq.heappush(self._due, (time.monotonic() + renewal.seconds, next(self._numbers), renewal))
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="redis-rl-renewals", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                while self._due and self._due[0][2].is_over:
                    heapq.heappop(self._due)
                if not self._due:
                    self._thread = None
                    return
                left = self._due[0][0] - time.monotonic()
                if left > 0:
                    self._changed.wait(left)
                    continue
                renewal = heapq.heappop(self._due)[2]
            if renewal.once():
                self.add(renewal)

    def wake(self) -> None:
        with self._changed:
            self._changed.notify()


_CLOCK = _Clock()
if hasattr(os, "register_at_fork"):
    # The thread does not come along, and a lock may have been held.
    os.register_at_fork(after_in_child=_CLOCK.begin)


class Renewal:
    """Calls `renew` each `seconds`, until it is stopped or `renew` answers that the reservation is not open any more."""

    def __init__(self, renew: Callable[[], bool], seconds: float) -> None:
        self._renew, self.seconds = renew, seconds
        self.is_over = False
        _CLOCK.add(self)

    def once(self) -> bool:
        """Renews once. Returns whether to renew again."""
        if self.is_over:
            return False
        try:
            return self._renew()
        except RateLimitError:
            # The next renewal comes within the ttl.
            return True

    def stop(self) -> None:
        self.is_over = True
        _CLOCK.wake()
