"""Hands out connections, for asyncio: some to requests that wait in line, some to all others. `_sync/gate.py` is for threads.

A waiter keeps its connection for as long as it waits. So waiters never get all connections: settling, holding and requests that do not
wait always find one, and a reservation that a waiter waits for can be settled.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any, Optional, Protocol, TypeVar

from ..calls import Call
from ..calls.call import NORMAL
from ..errors import Unavailable
from ..line import Line, Ticket

T = TypeVar("T")


class Sender(Protocol):
    """A server or rl-coordinator."""

    async def ask(self, call: Call[T], seconds: float) -> T: ...

    def forget(self) -> None: ...

    async def close(self) -> None: ...


class Gate:
    """`connections` at most are in use; one of five, at least one, is not for waiters."""

    def __init__(self, sender: Sender, connections: int, timeout: float) -> None:
        if connections < 2:
            raise ValueError("connections must be 2 or more: one for a waiter, one for all other requests")
        self.sender, self._timeout = sender, timeout
        self._others = max(1, connections // 5)
        self._places = connections - self._others
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._process = os.getpid()
        self._free = asyncio.Semaphore(self._others)
        self._line = Line(self._places)

    async def ask(self, call: Call[T]) -> T:
        """Returns the answer of a call, after its wait and `timeout` at most."""
        self._enter_loop()
        return await (self._wait(call) if call.wait.ms else self._ask_now(call))

    def _enter_loop(self) -> None:
        """Begins anew in each event loop and after a fork: connections belong to the loop and the process that opened them."""
        loop, process = asyncio.get_running_loop(), os.getpid()
        if loop is not self._loop or process != self._process:
            if self._loop is not None:
                self.sender.forget()
            self._loop, self._process = loop, process
            self._free = asyncio.Semaphore(self._others)
            self._line = Line(self._places)

    async def _ask_now(self, call: Call[T]) -> T:
        begin = time.monotonic()
        try:
            async with asyncio.timeout(self._timeout if self._free.locked() else None):
                await self._free.acquire()
        except TimeoutError:
            raise Unavailable("all connections are in use") from None
        try:
            return await self.sender.ask(call, call.wait.ms / 1000 + self._timeout - (time.monotonic() - begin))
        finally:
            self._free.release()

    async def _wait(self, call: Call[T]) -> T:
        end = time.monotonic() + call.wait.ms / 1000
        turn = asyncio.Event()
        line = self._line
        ticket = line.join(Ticket(call.key, NORMAL if call.wait.lane is None else call.wait.lane, turn.set))
        # All tasks that are ready join first, so that the highest lane among them goes first.
        asyncio.get_running_loop().call_soon(line.admit)
        try:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            # Other keys have all the places: perhaps this one admits at once. LOW has no lane without a wait.
            if not ticket.standing and ticket.lane <= NORMAL and line.is_alone(ticket):
                answer: Any = await self._ask_now(call.at_once())
                if answer:
                    return answer  # type: ignore[no-any-return]
            async with asyncio.timeout(max(0.0, end - time.monotonic())):
                await turn.wait()
            left = max(1, int((end - time.monotonic()) * 1000))
            return await self.sender.ask(call.waiting(left), left / 1000 + self._timeout)
        except TimeoutError:
            # Its time is over before it had a place. It asks for the answer that it would get now, in its own lane.
            return await self._ask_now(call.waiting(1))
        finally:
            line.leave(ticket)
            line.admit()

    async def close(self) -> None:
        await self.sender.close()
