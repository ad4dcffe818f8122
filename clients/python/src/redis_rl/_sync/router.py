"""Which server is asked: the only one, the primary that Sentinels name, or the node of a cluster that has the key's slot. Made from `_async` by tools/make_sync.py."""

from __future__ import annotations

import binascii
from typing import Any, Callable, Optional

from ..calls import Key
from ..errors import Unavailable
from ..settings import Address, Moved, Settings

SLOTS = 16384
Asker = Callable[[Settings, Optional[Address], list[str], float], Any]
"""Asks a server a command within some seconds."""


def slot_of(key: Key) -> int:
    """Returns the slot of a key, by its hash tag if it has one."""
    name = key.encode() if isinstance(key, str) else key
    begin = name.find(b"{")
    end = name.find(b"}", begin + 1) if begin >= 0 else -1
    return binascii.crc_hqx(name[begin + 1 : end] if end > begin + 1 else name, 0) % SLOTS


class One:
    """A single server."""

    def address(self, key: Optional[Key], seconds: float) -> Optional[Address]:
        return None

    def primaries(self, seconds: float) -> list[Optional[Address]]:
        return [None]

    def moved(self, moved: Moved) -> None:
        """Learns where a slot is."""

    def failed(self) -> None:
        """Learns that a server did not answer, or does not decide any more."""


class Sentinels(One):
    """The primary that Sentinels name. It is asked for again after each failure."""

    def __init__(self, settings: Settings, ask: Asker) -> None:
        self._settings, self._ask = settings, ask
        self._primary: Optional[Address] = None

    def address(self, key: Optional[Key], seconds: float) -> Optional[Address]:
        if self._primary is None:
            self._primary = self._discover(seconds)
        return self._primary

    def _discover(self, seconds: float) -> Address:
        places, error = self._settings.sentinels, "no Sentinel is named"
        words = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._settings.service]
        for place in places:
            try:
                found = self._ask(self._settings.for_sentinels(), place, words, seconds / len(places))
            except Unavailable as failure:
                error = str(failure)
                continue
            if found:
                return found[0].decode(), int(found[1])
            error = "no Sentinel knows the primary"
        raise Unavailable(error)

    def primaries(self, seconds: float) -> list[Optional[Address]]:
        return [self.address(None, seconds)]

    def failed(self) -> None:
        self._primary = None


class Cluster(One):
    """The node that has a slot. The map of slots is read anew after each failure, and corrected by each MOVED."""

    def __init__(self, settings: Settings, ask: Asker) -> None:
        self._settings, self._ask = settings, ask
        self._slots: dict[int, Address] = {}
        self._known = False
        self._nodes: tuple[Address, ...] = settings.cluster

    def address(self, key: Optional[Key], seconds: float) -> Optional[Address]:
        if not self._known:
            self._read(seconds)
        if key is None:
            return next(iter(self._slots.values()))
        found = self._slots.get(slot_of(key))
        if found is None:
            self._known = False
            raise Unavailable("no node has the slot of this key")
        return found

    def primaries(self, seconds: float) -> list[Optional[Address]]:
        if not self._known:
            self._read(seconds)
        return list(dict.fromkeys(self._slots.values()))

    def _read(self, seconds: float) -> None:
        nodes, error = list(dict.fromkeys((*self._nodes, *self._settings.cluster))), "no node is named"
        for node in nodes:
            try:
                ranges = self._ask(self._settings, node, ["CLUSTER", "SLOTS"], seconds / len(nodes))
            except Unavailable as failure:
                error = str(failure)
                continue
            self._learn(ranges, node)
            return
        raise Unavailable(error)

    def _learn(self, ranges: Any, asked: Address) -> None:
        self._slots = {}
        for first, last, primary, *_ in ranges:
            address = (primary[0].decode() if primary[0] else asked[0], int(primary[1]))
            for slot in range(first, last + 1):
                self._slots[slot] = address
        self._nodes = tuple(dict.fromkeys(self._slots.values()))
        self._known = bool(self._slots)
        if not self._known:
            raise Unavailable("the node knows no slots")

    def moved(self, moved: Moved) -> None:
        if not moved.once:
            self._slots[moved.slot] = moved.address

    def failed(self) -> None:
        self._known = False


def router(settings: Settings, ask: Asker) -> One:
    if settings.sentinels:
        return Sentinels(settings, ask)
    return Cluster(settings, ask) if settings.cluster else One()
