"""Asks a Redis or Valkey server: takes a connection, finds the node, follows redirections. It never asks twice."""

from __future__ import annotations

import time
from typing import Any, Optional, Sequence, TypeVar

from ..calls import Call, Key
from ..errors import Unavailable
from ..settings import Address, Moved, Settings
from .link import Link
from .router import router

T = TypeVar("T")
REDIRECTIONS = 5
_Place = tuple[bool, Optional[Address]]


class Server:
    """Idle connections by server. How many are in use is decided by the gate."""

    def __init__(self, settings: Settings, timeout: float) -> None:
        self._settings, self._timeout = settings, timeout
        self._idle: dict[_Place, list[Link]] = {}
        self._router = router(settings, self._ask)

    async def ask(self, call: Call[T], seconds: float) -> T:
        """Returns the answer of a call."""
        words = call.words
        end = time.monotonic() + seconds
        if call.everywhere:
            answers = [await self._follow(words, None, address, end) for address in await self._router.primaries(seconds)]
            return call.read(answers[-1])
        reply = await self._follow(words, call.key, await self._router.address(call.key, seconds), end)
        try:
            return call.read(reply)
        except (TypeError, ValueError, KeyError, IndexError) as error:
            raise Unavailable("the server's reply is not understood", "strange") from error

    async def _follow(self, words: Sequence[Any], key: Optional[Key], address: Optional[Address], end: float) -> Any:
        asking = False
        for _ in range(REDIRECTIONS):
            try:
                return await self._ask(self._settings, address, words, end - time.monotonic(), asking)
            except Moved as moved:
                self._router.moved(moved)
                address, asking = moved.address, moved.once
            except Unavailable as error:
                if error.cause in ("down", "readonly"):
                    self._router.failed()
                raise
        raise Unavailable("the cluster redirects in circles", "slot_moves")

    async def _ask(self, settings: Settings, address: Optional[Address], words: Sequence[Any], seconds: float, asking: bool = False) -> Any:
        if seconds <= 0:
            raise Unavailable("the server did not answer in time")
        idle = self._idle.setdefault((settings is self._settings, address), [])
        try:
            link = idle.pop()
        except IndexError:
            link = Link(settings, address, self._timeout)
        try:
            if asking:
                await link.ask(["ASKING"], seconds)
            return await link.ask(words, seconds)
        finally:
            # A link that has failed is closed, and opens itself anew when it is used.
            idle.append(link)

    def forget(self) -> None:
        """Forgets connections that cannot be used or closed any more."""
        self._idle = {}

    async def close(self) -> None:
        for links in self._idle.values():
            while links:
                await links.pop().close()
