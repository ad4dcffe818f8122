"""The calls of one process of tests/packages/five_lines.py. It stands beside the five lines in a clean environment: no other packages."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from typing import Any

MOST_OUTPUT = 1024


def run(claude: Any) -> None:
    """Makes one call, says that it is ready, waits for a line, and then takes the jobs [(second, text)] of the file, some at once."""
    with open(sys.argv[1]) as file:
        work = json.load(file)
    if type(claude).__name__.startswith("Async"):
        asyncio.run(_tasks(claude, work))
    else:
        _threads(claude, work)


def _words(text: str) -> Any:
    return {"model": "claude-sonnet", "max_tokens": MOST_OUTPUT, "messages": [{"role": "user", "content": text}]}


def _failed(error: Exception) -> None:
    print(f"{type(error).__name__}: {error}", file=sys.stderr)


def _go() -> float:
    print("ready", flush=True)
    sys.stdin.readline()
    return time.monotonic()


async def _tasks(claude: Any, work: Any) -> None:
    free = asyncio.Semaphore(work["at_once"])

    async def call(text: str) -> None:
        async with free:
            try:
                await claude.messages.create(**_words(text))
            except Exception as error:
                _failed(error)

    await call(work["warm"])
    begin = await asyncio.to_thread(_go)
    calls = []
    for at, text in work["jobs"]:
        await asyncio.sleep(max(0, begin + at - time.monotonic()))
        calls.append(asyncio.create_task(call(text)))
    await asyncio.gather(*calls)


def _threads(claude: Any, work: Any) -> None:
    def call(text: str) -> None:
        try:
            claude.messages.create(**_words(text))
        except Exception as error:
            _failed(error)

    call(work["warm"])
    begin, jobs, lock = _go(), iter(work["jobs"]), threading.Lock()

    def take() -> None:
        while True:
            with lock:
                job = next(jobs, None)
                if job is None:
                    return
                time.sleep(max(0, begin + job[0] - time.monotonic()))
            call(job[1])

    threads = [threading.Thread(target=take) for _ in range(work["at_once"])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
