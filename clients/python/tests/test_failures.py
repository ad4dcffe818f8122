"""Servers that are gone, hung, without the module, or that refuse: the answer comes within the timeout, and is what `fail` says."""

from __future__ import annotations

import inspect
import time
from typing import Any, Callable, Iterator

import pytest
import redis_rl
from servers import Server, free_port, wait_until

TIMEOUT = 0.25
SLACK = 0.25  # for a machine with other work

KINDS = [redis_rl.Limiter, redis_rl.AsyncLimiter]


async def answered(found: Any) -> Any:
    return await found if inspect.isawaitable(found) else found


def hung(server: Server) -> None:
    server.freeze()


def gone(server: Server) -> None:
    server.process.kill()
    server.process.wait()


def with_password(server: Server) -> None:
    server.client.config_set("requirepass", "secret")


def out_of_memory(server: Server) -> None:
    server.client.config_set("maxmemory", "1")


def replica(server: Server) -> None:
    server.client.execute_command("REPLICAOF", "127.0.0.1", free_port())


def without_right(server: Server) -> None:
    server.client.execute_command("ACL", "SETUSER", "default", "-rl.slide", "-rl.quota", "-rl.hold")


CASES: list[tuple[Callable[[Server], None], str]] = [
    (hung, "down"),
    (gone, "down"),
    (with_password, "noauth"),
    (out_of_memory, "oom"),
    (replica, "readonly"),
    (without_right, "noperm"),
]


@pytest.fixture
def own() -> Iterator[Server]:
    with Server("--enable-debug-command", "yes") as server:
        yield server


async def check(limiter: Any, fail: str, cause: str) -> None:
    for ask in (lambda: limiter.slide("k", 5, 60), lambda: limiter.slide("k", 5, 60, wait=0.1), lambda: limiter.quota("q", "p")):
        begin = time.monotonic()
        decision = await answered(ask())
        assert time.monotonic() - begin < TIMEOUT + 0.1 + SLACK
        assert bool(decision) == (fail == "open")
        assert decision.degraded
    assert set(limiter.degraded) == {cause}
    begin = time.monotonic()
    with pytest.raises(redis_rl.Unavailable) as raised:
        await answered(limiter.hold("k", 1))
    assert time.monotonic() - begin < TIMEOUT + SLACK
    assert raised.value.cause == cause


@pytest.mark.parametrize("made", KINDS)
@pytest.mark.parametrize("fail", ["open", "closed"])
@pytest.mark.parametrize("is_connected", [True, False], ids=["connected", "new"])
@pytest.mark.parametrize(("breaks", "cause"), CASES)
async def test_server_that_does_not_decide(own: Server, breaks: Any, cause: str, is_connected: bool, fail: Any, made: Any) -> None:
    own.client.execute_command("RL.POLICY", "SET", "p", "LIMIT", "rpm", 10, 60)
    limiter = made(own.url, fail=fail, timeout=TIMEOUT)
    if is_connected and cause != "noauth":  # a connection that has logged in stays so
        assert not (await answered(limiter.slide("k", 5, 60))).degraded
    breaks(own)
    try:
        await check(limiter, fail, cause)
    finally:
        own.thaw()
        await answered(limiter.close())


@pytest.mark.parametrize("made", KINDS)
@pytest.mark.parametrize("fail", ["open", "closed"])
async def test_server_without_the_module(fail: Any, made: Any) -> None:
    with Server(module=False) as bare:
        limiter = made(bare.url, fail=fail, timeout=TIMEOUT)
        decision = await answered(limiter.slide("k", 5, 60))
        assert (decision.allowed, decision.degraded) == (fail == "open", True)
        assert limiter.degraded == {"no_module": 1}
        await answered(limiter.close())


@pytest.mark.parametrize("made", KINDS)
async def test_server_that_loads(made: Any) -> None:
    with Server("--enable-debug-command", "yes") as first:
        first.client.execute_command("DEBUG", "POPULATE", "20000")
        first.client.save()
        dump = (first.folder / "dump.rdb").read_bytes()
    port = free_port()
    # Each key takes 2 ms to load: 40 s in all.
    with Server("--key-load-delay", "2000", "--loading-process-events-interval-bytes", "1024", port=port) as second:
        second.client.flushall()
        second.stop_and_keep()
        (second.folder / "dump.rdb").write_bytes(dump)
        second.start_again()
        limiter = made(second.url, fail="closed", timeout=TIMEOUT)
        begin = time.monotonic()
        decision = await answered(limiter.slide("k", 5, 60))
        assert time.monotonic() - begin < TIMEOUT + SLACK
        assert decision.degraded and not decision.allowed
        await answered(limiter.close())


@pytest.mark.parametrize("made", KINDS)
async def test_limiter_recovers_when_the_server_is_back(made: Any) -> None:
    with Server() as server:
        limiter = made(server.url, timeout=TIMEOUT)
        assert await answered(limiter.slide("k", 5, 60))
        server.stop_and_keep()
        assert (await answered(limiter.slide("k", 5, 60))).degraded
        server.start_again()
        decision = await answered(limiter.slide("k", 5, 60))
        assert (decision.degraded, decision.remaining) == (False, 4)
        server.freeze()
        assert (await answered(limiter.slide("k", 5, 60))).degraded
        server.thaw()
        wait_until("it answers", server.client.ping)
        assert not (await answered(limiter.slide("k2", 5, 60))).degraded
        await answered(limiter.close())


@pytest.mark.parametrize("made", KINDS)
async def test_restart_between_two_calls_goes_unnoticed(made: Any) -> None:
    with Server() as server:
        limiter = made(server.url, timeout=TIMEOUT)
        assert await answered(limiter.slide("k", 5, 60))
        server.stop_and_keep()
        server.start_again()
        decision = await answered(limiter.slide("k", 5, 60))
        assert (decision.degraded, decision.allowed) == (False, True)
        await answered(limiter.close())


@pytest.mark.parametrize("made", KINDS)
async def test_wait_is_longer_than_the_timeout(server: Server, key: str, made: Any) -> None:
    limiter = made(server.url, timeout=TIMEOUT)
    assert await answered(limiter.slide(key, 1, 0.6))
    begin = time.monotonic()
    assert await answered(limiter.slide(key, 1, 0.6, wait=20))
    assert 0.3 < time.monotonic() - begin < 5
    await answered(limiter.close())


@pytest.mark.parametrize("made", KINDS)
async def test_a_waiter_whose_server_hangs_is_answered_after_its_wait(own: Server, made: Any) -> None:
    limiter = made(own.url, timeout=TIMEOUT)
    assert await answered(limiter.slide("k", 1, 60))
    own.freeze()
    begin = time.monotonic()
    decision = await answered(limiter.slide("k", 1, 60, wait=0.3))
    assert time.monotonic() - begin < 0.3 + TIMEOUT + SLACK
    assert decision.degraded
    own.thaw()
    await answered(limiter.close())


def test_fail_is_checked() -> None:
    with pytest.raises(ValueError):
        redis_rl.Limiter("redis://localhost", fail="maybe")  # type: ignore[arg-type]
