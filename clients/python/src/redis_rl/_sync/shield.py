"""Work that goes on beside a request, for threads: one thread of the process does it, in order. `_async/shield.py` is for asyncio."""

from __future__ import annotations

import logging
import os
import queue
import threading
from typing import Any, Callable, Optional

_Work = tuple[Callable[..., Any], tuple[Any, ...]]


class _Worker:
    """Begins anew after a fork, which takes no threads along."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: Optional[int] = None
        self._work: queue.SimpleQueue[_Work] = queue.SimpleQueue()

    def add(self, *work: Any) -> None:
        if self._process != os.getpid():
            self._start()
        self._work.put((work[0], work[1:]))

    def _start(self) -> None:
        with self._lock:
            if self._process != os.getpid():
                self._work = queue.SimpleQueue()
                threading.Thread(target=self._run, args=(self._work,), name="redis-rl", daemon=True).start()
                self._process = os.getpid()

    @staticmethod
    def _run(work: queue.SimpleQueue[_Work]) -> None:
        while True:
            do, arguments = work.get()
            try:
                do(*arguments)
            except Exception:
                logging.getLogger("redis_rl").exception("work beside a request has failed")


_WORKER = _Worker()


def in_background(do: Callable[..., Any], *arguments: Any) -> None:
    """Starts work that nobody waits for."""
    _WORKER.add(do, *arguments)


def to_the_end(work: object) -> None:
    """The work is done: its result comes as the argument."""
