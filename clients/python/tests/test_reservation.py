"""Reservations as scopes: what is settled when, renewal, and what happens when nothing can be decided."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from typing import Any

import pytest
import redis_rl
from redis_rl import Limit
from servers import Server, wait_until

LIMITS = [Limit("rpm", 10, 60), Limit("output", 100, 60, unit="output"), Limit("calls", 2, algorithm="inflight")]
OVER = ["redis", "http"]


@pytest.fixture(params=[f"{kind}-{over}" for kind in ("threads", "asyncio") for over in OVER])
def limiter(request: Any, server: Server, coordinator: Any) -> Any:
    kind, over = request.param.split("-")
    made = redis_rl.AsyncLimiter if kind == "asyncio" else redis_rl.Limiter
    return made(server.url) if over == "redis" else made(coordinator.url, token=coordinator.token)


async def answered(found: Any) -> Any:
    return await found if inspect.isawaitable(found) else found


class scope:
    """Enters and leaves a reservation of either kind."""

    def __init__(self, reservation: Any) -> None:
        self.reservation = reservation

    async def __aenter__(self) -> Any:
        enter = getattr(self.reservation, "__aenter__", None) or self.reservation.__enter__
        return await answered(enter())

    async def __aexit__(self, *error: Any) -> Any:
        leave = getattr(self.reservation, "__aexit__", None) or self.reservation.__exit__
        return await answered(leave(*error))


async def left(limiter: Any, key: str) -> tuple[int, int, int]:
    limits = (await answered(limiter.peek(key))).limits
    return limits["rpm"].remaining, limits["output"].remaining, limits["calls"].remaining


async def test_settles_at_what_was_used(limiter: Any, key: str) -> None:
    async with scope(limiter.reserve(key, limits=LIMITS, cost={"output": 50})) as call:
        assert await left(limiter, key) == (9, 50, 1)
        call.used(output=20)
    assert await left(limiter, key) == (9, 80, 2)


async def test_leaves_the_estimate_after_an_error(limiter: Any, key: str) -> None:
    with pytest.raises(ZeroDivisionError):
        async with scope(limiter.reserve(key, limits=LIMITS, cost={"output": 50})):
            raise ZeroDivisionError
    assert await left(limiter, key) == (9, 50, 2)


async def test_settles_before_the_end_and_once(limiter: Any, key: str) -> None:
    async with scope(limiter.reserve(key, limits=LIMITS, cost={"output": 50})) as call:
        assert await answered(call.settle(output=60))
        assert not await answered(call.settle(output=70))
    assert await left(limiter, key) == (9, 40, 2)


async def test_cancels_on_request(limiter: Any, key: str) -> None:
    async with scope(limiter.reserve(key, limits=LIMITS, cost={"output": 50})) as call:
        assert await answered(call.cancel())
    assert await left(limiter, key) == (10, 100, 2)


async def test_denied(limiter: Any, key: str) -> None:
    with pytest.raises(redis_rl.Denied) as raised:
        async with scope(limiter.reserve(key, limits=LIMITS, cost={"output": 101})):
            raise AssertionError("it was admitted")
    assert raised.value.decision.blocking == ("output",)
    assert raised.value.decision.retry_after is None


async def test_renews_while_it_is_open(limiter: Any, key: str) -> None:
    async with scope(limiter.reserve(key, limits=LIMITS, ttl=0.3)):
        end = time.monotonic() + 1.2
        while time.monotonic() < end:
            await asyncio.sleep(0.05)
            assert (await left(limiter, key))[2] == 1
    assert (await left(limiter, key))[2] == 2


async def test_a_lost_holder_frees_its_slot_after_the_ttl(server: Server, key: str) -> None:
    limiter = redis_rl.Limiter(server.url)
    assert limiter.quota(key, limits=LIMITS, cost={"output": 50}, reserve=0.2, id="lost")
    await asyncio.to_thread(wait_until, "the slot is free", lambda: limiter.peek(key).limits["calls"].remaining == 2, 3)
    assert limiter.peek(key).limits["output"].remaining == 50
    limiter.close()


async def test_a_waiter_that_is_cancelled_leaves_nothing(server: Server, key: str) -> None:
    def waiting() -> int:
        with redis_rl.Limiter(server.url) as looking:
            info = looking.info(key)
        assert info
        return info.waiting["normal"]

    async with redis_rl.AsyncLimiter(server.url) as limiter:
        async with limiter.reserve(key, limits=LIMITS), limiter.reserve(key, limits=LIMITS):

            async def third() -> None:
                async with limiter.reserve(key, limits=LIMITS, wait=30):
                    raise AssertionError("it was admitted")

            task = asyncio.create_task(third())
            await asyncio.to_thread(wait_until, "it waits", lambda: waiting() == 1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.to_thread(wait_until, "nobody waits", lambda: waiting() == 0)
        assert await left(limiter, key) == (8, 100, 2)


async def test_sync_by_headers_and_hold(limiter: Any, key: str) -> None:
    headers = {"anthropic-ratelimit-requests-remaining": "3", "anthropic-ratelimit-output-tokens-remaining": "70", "x": "y"}
    async with scope(limiter.reserve(key, limits=LIMITS)) as call:
        assert await answered(call.sync(headers)) == {"rpm": 6, "output": 30}
        assert await answered(call.sync({"rpm": redis_rl.Left(9, 30)})) == {"rpm": 0}
        lower = {**headers, "anthropic-ratelimit-requests-limit": "8", "anthropic-ratelimit-requests-remaining": "8"}
        assert (await answered(call.sync(lower, age=0.001)))["rpm"] == 2
        # An older response says nothing new, and a debt counts on top of the limit.
        assert await answered(call.sync({"rpm": redis_rl.Left(-3, 30)}, age=60)) == {"rpm": 2}
        assert await answered(call.sync({"rpm": redis_rl.Left(-3, 30)})) == {"rpm": 12}
        assert 19 < (await answered(call.hold(20))).total_seconds() <= 20
    assert not (await answered(limiter.peek(key)))


@pytest.mark.parametrize("kind", [redis_rl.Limiter, redis_rl.AsyncLimiter])
async def test_undecided(kind: Any) -> None:
    with Server() as gone:
        url = gone.url
    async with scope(kind(url, fail="open").reserve("k", limits=LIMITS)) as call:
        assert call.degraded
        assert not await answered(call.settle(output=3))
    with pytest.raises(redis_rl.Unavailable):
        async with scope(kind(url, fail="closed").reserve("k", limits=LIMITS)):
            raise AssertionError("it was admitted")


@pytest.mark.parametrize("kind", [redis_rl.Limiter, redis_rl.AsyncLimiter])
async def test_a_server_that_goes_away_does_not_break_the_scope(kind: Any) -> None:
    with Server() as server:
        limiter = kind(server.url)
        async with scope(limiter.reserve("k", limits=LIMITS)) as call:
            call.used(output=1)
            server.stop_and_keep()
    assert limiter.degraded == {"down": 1}


def test_renewals_need_no_thread_of_their_own(server: Server, key: str) -> None:
    limiter = redis_rl.Limiter(server.url)
    limits = [Limit("calls", 100, algorithm="inflight")]
    scopes = [limiter.reserve(key, limits=limits, ttl=30) for _ in range(50)]
    for each in scopes:
        each.__enter__()
    assert sum(thread.name == "redis-rl-renewals" for thread in threading.enumerate()) == 1
    for each in scopes:
        each.__exit__(None, None, None)
    wait_until("the thread has ended", lambda: not any(thread.name == "redis-rl-renewals" for thread in threading.enumerate()), 3)
    limiter.close()


async def test_reserves_at_the_first_key_that_admits(limiter: Any, key: str) -> None:
    names = [f"{key}:opus", f"{key}:haiku"]
    opus, haiku = (f"{{{key}}}:{name}" for name in ("opus", "haiku"))
    for name in names:
        await answered(limiter.policy_set(name, LIMITS))
    asked = {opus: names[0], haiku: names[1]}
    async with scope(limiter.reserve_first(asked, cost={"output": 80})) as preferred:
        assert (preferred.index, preferred.key) == (0, opus)
        async with scope(limiter.reserve_first(asked, cost={"output": 80})) as other:
            assert (other.index, other.key) == (1, haiku)
            other.used(output=30)
            with pytest.raises(redis_rl.Denied) as denied:
                async with scope(limiter.reserve_first(asked, cost={"output": 80})):
                    pass
            assert denied.value.decision.index == -1
        preferred.used(output=10)
    assert await left(limiter, opus) == (9, 90, 2)
    assert await left(limiter, haiku) == (9, 70, 2)


async def test_a_first_key_without_a_server_is_the_preferred_one() -> None:
    limiter = redis_rl.Limiter("redis://127.0.0.1:1", fail="open", timeout=0.2)
    with limiter.reserve_first({"opus": "opus", "haiku": "haiku"}) as call:
        assert (call.index, call.key, call.degraded) == (0, "opus", True)
    assert redis_rl.Limiter("redis://127.0.0.1:1").first({"opus": "opus"}).index == -1
