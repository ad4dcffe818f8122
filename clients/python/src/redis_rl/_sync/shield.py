"""Work beside a request, for threads: it is done at once, so its result comes as the argument. `_async/shield.py` is for asyncio."""

from __future__ import annotations


def in_background(work: object) -> None:
    """The work is done."""


def to_the_end(work: object) -> None:
    """The work is done."""
