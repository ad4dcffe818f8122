"""Hands out connections, for threads: some to requests that wait in line, some to all others. `_async/gate.py` is for asyncio.

A waiter keeps its connection for as long as it waits. So waiters never get all connections: settling, holding and requests that do not
wait always find one, and a reservation that a waiter waits for can be settled.
"""

from __future__ import annotations

import os
import threading
import time
from typing import Any, Protocol, TypeVar

from ..calls import Call
from ..calls.call import NORMAL
from ..errors import Unavailable
from ..line import Line, Ticket

T = TypeVar("T")


class Sender(Protocol):
    """A server or rl-coordinator."""

    def ask(self, call: Call[T], seconds: float) -> T: ...

    def forget(self) -> None: ...

    def close(self) -> None: ...


class Gate:
    """`connections` at most are in use; one of five, at least one, is not for waiters."""

    def __init__(self, sender: Sender, connections: int, timeout: float) -> None:
        if connections < 2:
            raise ValueError("connections must be 2 or more: one for a waiter, one for all other requests")
        self.sender, self._timeout = sender, timeout
        self._others = max(1, connections // 5)
        self._places = connections - self._others
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._free = threading.BoundedSemaphore(self._others)
        self._line = Line(self._places)
        self._lock = threading.Lock()

    def ask(self, call: Call[T]) -> T:
        """Returns the answer of a call, after its wait and `timeout` at most."""
        if self._process != os.getpid():
            # A forked process must not use the connections of its parent.
            self.sender.forget()
            self._begin()
        return self._wait(call) if call.wait.ms else self._ask_now(call)

    def _ask_now(self, call: Call[T]) -> T:
        begin = time.monotonic()
        if not self._free.acquire(timeout=self._timeout):
            raise Unavailable("all connections are in use")
        try:
            return self.sender.ask(call, call.wait.ms / 1000 + self._timeout - (time.monotonic() - begin))
        finally:
            self._free.release()

    def _wait(self, call: Call[T]) -> T:
        end = time.monotonic() + call.wait.ms / 1000
        turn = threading.Event()
        with self._lock:
            ticket = self._line.join(Ticket(call.key, NORMAL if call.wait.lane is None else call.wait.lane, turn.set))
            self._line.admit()
            is_alone = self._line.is_alone(ticket)
        try:
            # Other keys have all the places: perhaps this one admits at once. LOW has no lane without a wait.
            if not ticket.standing and ticket.lane <= NORMAL and is_alone:
                answer: Any = self._ask_now(call.at_once())
                if answer:
                    return answer  # type: ignore[no-any-return]
            if not turn.wait(max(0.0, end - time.monotonic())):
                # Its time is over before it had a place. It asks for the answer that it would get now, in its own lane.
                return self._ask_now(call.waiting(1))
            left = max(1, int((end - time.monotonic()) * 1000))
            return self.sender.ask(call.waiting(left), left / 1000 + self._timeout)
        finally:
            with self._lock:
                self._line.leave(ticket)
                self._line.admit()

    def close(self) -> None:
        self.sender.close()
