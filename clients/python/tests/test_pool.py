"""More waiters than connections: they are served in lane order, settling is never stuck behind them, and other keys go on."""

from __future__ import annotations

import asyncio
import functools
import multiprocessing
import random
import threading
import time
from typing import Any

import redis_rl
from redis_rl.line import Line, Ticket
from servers import Server, wait_until

LANES = ("critical", "high", "normal", "low")


async def test_a_thousand_tasks_are_served_in_lane_order(server: Server, key: str) -> None:
    limiter = redis_rl.AsyncLimiter(server.url, connections=20, timeout=2)
    lanes = [random.Random(7).randrange(4) for _ in range(1000)]
    served: list[tuple[int, int]] = []

    async def task(number: int) -> None:
        # 1,000 tokens a second, none at the beginning: each has to wait.
        assert await limiter.bucket(key, 1, 1000, wait=60, priority=LANES[lanes[number]])
        served.append((lanes[number], number))

    await limiter.hold(key, 0.3)
    await asyncio.wait_for(asyncio.gather(*(task(number) for number in range(1000))), 60)
    assert len(served) == 1000
    # Answers that come together are read in any order, so neighbours may change places, at most as many as stand in line.
    places = {number: place for place, (_, number) in enumerate(served)}
    right = sorted(range(1000), key=lambda number: (lanes[number], number))
    assert max(abs(places[number] - place) for place, number in enumerate(right)) <= 16
    await limiter.close()


async def test_connections_are_bounded(key: str) -> None:
    with Server() as own:
        limiter = redis_rl.AsyncLimiter(own.url, connections=20)
        before = own.client.info("clients")["connected_clients"]
        await limiter.hold(key, 60)
        tasks = [asyncio.create_task(limiter.slide(f"{key}:{number % 5}", 1, 60, wait=20, cost=0 if number == 0 else 1)) for number in range(200)]
        tasks += [asyncio.create_task(limiter.slide(key, 1, 60, wait=20)) for _ in range(200)]
        done, pending = await asyncio.wait(tasks, timeout=1)
        assert 0 < own.client.info("clients")["connected_clients"] - before <= 20
        assert pending
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        # Whoever is cancelled leaves the line.
        await asyncio.to_thread(wait_until, "nobody waits", lambda: own.client.info("rl")["rl_waiting_normal"] == 0)
        assert await limiter.slide("another", 1, 60)
        await limiter.close()


async def test_settling_is_not_stuck_behind_waiters(server: Server, key: str) -> None:
    """A slot for 1 of 50 at a time: a waiter goes on only when another has settled."""
    limiter = redis_rl.AsyncLimiter(server.url, connections=5)
    limits = [redis_rl.Limit("calls", 1, algorithm="inflight")]
    most = now = 0

    async def task() -> None:
        nonlocal most, now
        async with limiter.reserve(key, limits=limits, wait=30):
            now += 1
            most = max(most, now)
            await asyncio.sleep(0)
            now -= 1

    await asyncio.wait_for(asyncio.gather(*(task() for _ in range(50))), 30)
    assert most == 1
    await limiter.close()


async def test_a_stuck_key_does_not_hold_up_another(server: Server, key: str) -> None:
    limiter = redis_rl.AsyncLimiter(server.url, connections=10)
    await limiter.hold(f"{key}:a", 60)
    await limiter.hold(f"{key}:b", 60)
    stuck = [asyncio.create_task(limiter.slide(f"{key}:{name}", 5, 60, wait=50)) for name in "ab" for _ in range(50)]
    await asyncio.sleep(0.1)
    begin = time.monotonic()
    assert await limiter.slide(f"{key}:free", 5, 60, wait=20)
    assert time.monotonic() - begin < 2
    for task in stuck:
        task.cancel()
    await asyncio.gather(*stuck, return_exceptions=True)
    await limiter.close()


async def test_a_wait_that_ends_in_the_line_of_the_process_is_a_denial(server: Server, key: str) -> None:
    limiter = redis_rl.AsyncLimiter(server.url, connections=2)
    assert await limiter.slide(key, 1, 60)
    begin = time.monotonic()
    decisions = await asyncio.gather(*(limiter.slide(key, 1, 60, wait=0.3) for _ in range(20)))
    assert time.monotonic() - begin < 3
    assert all(not decision and not decision.degraded for decision in decisions)
    assert all(decision.retry_after and decision.retry_after.total_seconds() > 50 for decision in decisions)
    await limiter.close()


def test_threads_share_connections(server: Server, key: str) -> None:
    limiter = redis_rl.Limiter(server.url, connections=5, timeout=2)
    served: list[Any] = []

    def work() -> None:
        served.append(limiter.bucket(key, 1, 500, wait=30))

    threads = [threading.Thread(target=work) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(served) == 100 and all(served)
    limiter.close()


def test_a_forked_process_opens_its_own_connections(server: Server, key: str) -> None:
    INHERITED.append(limiter := redis_rl.Limiter(server.url))
    assert limiter.slide(key, 1000, 60)
    with multiprocessing.get_context("fork").Pool(4) as pool:
        # All processes ask at the same time: on a shared connection their answers would be mixed up.
        found = pool.map(functools.partial(_ask, key), range(400), chunksize=5)
    found += [limiter.slide(key, 1000, 60).remaining for _ in range(10)]
    assert sorted(found) == list(range(589, 999))
    limiter.close()


INHERITED: list[redis_rl.Limiter] = []
"""The limiter that forked processes inherit."""


def _ask(key: str, _: int) -> int:
    return INHERITED[0].slide(key, 1000, 60).remaining


async def _slide(limiter: redis_rl.AsyncLimiter, key: str) -> int:
    return (await limiter.slide(key, 1000, 60)).remaining


def test_each_event_loop_opens_its_own_connections(server: Server, key: str) -> None:
    limiter = redis_rl.AsyncLimiter(server.url)
    assert [asyncio.run(_slide(limiter, key)) for _ in range(3)] == [999, 998, 997]


def test_each_lane_has_a_place_that_lower_lanes_cannot_take() -> None:
    line, standing = Line(16), []
    for lane in (3, 2, 1, 0):
        for number in range(40):
            line.join(Ticket((lane, number), lane, lambda lane=lane: standing.append(lane)))
        line.admit()
    assert [standing.count(lane) for lane in range(4)] == [1, 1, 1, 13]


def test_one_key_takes_half_of_the_places() -> None:
    line, standing = Line(16), []
    for key in ["busy"] * 40 + ["other"] * 2:
        line.join(Ticket(key, 0, lambda key=key: standing.append(key)))
    line.admit()
    assert (standing.count("busy"), standing.count("other")) == (8, 2)


def test_a_ticket_that_leaves_makes_room() -> None:
    line, standing = Line(1), []
    first, second = (line.join(Ticket("k", 2, lambda name=name: standing.append(name))) for name in ("first", "second"))
    line.admit()
    line.leave(first)
    line.admit()
    line.leave(second)
    assert standing == ["first", "second"]
    assert line.is_alone(line.join(Ticket("k", 0, lambda: None)))
