"""Work that goes on beside a request, for asyncio. `_sync/shield.py` does it at once."""

from __future__ import annotations

import asyncio
from typing import Any, Coroutine

_TASKS: set[asyncio.Task[Any]] = set()


def in_background(work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """Starts work that nobody waits for."""
    task = asyncio.get_running_loop().create_task(work)
    _TASKS.add(task)
    task.add_done_callback(_TASKS.discard)
    return task


async def to_the_end(work: Coroutine[Any, Any, Any]) -> None:
    """Does work that a cancelled task does not take along."""
    await asyncio.shield(in_background(work))
