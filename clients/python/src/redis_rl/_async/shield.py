"""Work that goes on beside a request, for asyncio. `_sync/shield.py` is for threads."""

from __future__ import annotations

import asyncio
from typing import Any, Callable, Coroutine

_TASKS: set[asyncio.Task[Any]] = set()


def in_background(do: Callable[..., Coroutine[Any, Any, Any]], *arguments: Any) -> None:
    """Starts work that nobody waits for."""
    _start(do(*arguments))


async def to_the_end(work: Coroutine[Any, Any, Any]) -> None:
    """Does work that a cancelled task does not take along."""
    await asyncio.shield(_start(work))


def _start(work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    task = asyncio.get_running_loop().create_task(work)
    _TASKS.add(task)
    task.add_done_callback(_TASKS.discard)
    return task
