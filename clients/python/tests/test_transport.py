"""The transport against a provider that is written for the test: bytes, abandoned and broken streams, refusals, errors, failures."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from typing import Any, Iterator

import httpx
import pytest
import redis_rl
from redis_rl import Limit
from scripted import BODY, EVENTS, POLICY, Caller, Provider, answer, stream, usage
from servers import Server, wait_until


@pytest.fixture
def provider() -> Iterator[Provider]:
    started = Provider()
    yield started
    started.go_on.set()
    started.server.shutdown()
    started.server.server_close()


@pytest.fixture
def look(server: Server, key: str) -> redis_rl.Limiter:
    limiter = redis_rl.Limiter(server.url)
    limiter.policy_set("claude", POLICY)
    return limiter


@pytest.fixture(params=["threads", "asyncio"])
async def caller(request: Any, server: Server, provider: Provider, key: str, look: Any) -> Any:
    made = Caller(request.param, server.url, provider, key=key)
    yield made
    await made.close()


def used(look: redis_rl.Limiter, key: str) -> dict[str, int]:
    def info() -> Any:
        found = look.info(key)
        assert found
        return found

    wait_until("the reservation is settled", lambda: info().reservations == 0, 5)
    return {name: value for name, value in info().used.items() if name != "calls"}


async def test_json(caller: Caller, look: Any, key: str) -> None:
    caller.provider.script = [answer(200, usage())]
    response = await caller.post()
    assert response.content == usage()
    assert used(look, key) == {"rpm": 1, "itpm": 100, "otpm": 30}
    assert json.loads(caller.provider.bodies[0]) == BODY


async def test_compressed_json(caller: Caller, look: Any, key: str) -> None:
    caller.provider.script = [answer(200, gzip.compress(usage()), content_encoding="gzip")]
    assert (await caller.post()).content == usage()
    assert used(look, key) == {"rpm": 1, "itpm": 100, "otpm": 30}


async def test_stream_is_untouched_and_unbuffered(caller: Caller, look: Any, key: str) -> None:
    # The second piece is read before the provider sends the third.
    caller.provider.script = [stream(EVENTS, wait_after=1, provider=caller.provider)]
    task = asyncio.ensure_future(caller.pieces(2)) if caller.kind == "asyncio" else None
    if task:
        assert b"".join(await task) == b"".join(EVENTS[:2])
    else:
        assert b"".join(await caller.pieces(2)) == b"".join(EVENTS[:2])
    caller.provider.go_on.set()
    caller.provider.script = [stream(EVENTS)]
    assert b"".join(await caller.pieces()) == b"".join(EVENTS)


async def test_stream(caller: Caller, look: Any, key: str) -> None:
    caller.provider.script = [stream(EVENTS)]
    await caller.pieces()
    assert used(look, key) == {"rpm": 1, "itpm": 100, "otpm": 77}


async def test_stream_in_any_pieces(caller: Caller, look: Any, key: str) -> None:
    whole = b"".join(EVENTS).replace(b"\n", b"\r\n")
    caller.provider.script = [stream([whole[at : at + 7] for at in range(0, len(whole), 7)])]
    assert b"".join(await caller.pieces()) == whole
    assert used(look, key) == {"rpm": 1, "itpm": 100, "otpm": 77}


async def test_abandoned_stream_settles_at_what_had_passed(caller: Caller, look: Any, key: str) -> None:
    caller.provider.script = [stream(EVENTS, wait_after=1, provider=caller.provider)]
    await caller.pieces(2)
    assert used(look, key) == {"rpm": 1, "itpm": 100, "otpm": 10}  # 40 bytes of text


async def test_broken_stream_leaves_no_reservation(caller: Caller, look: Any, key: str) -> None:
    caller.provider.script = [stream(EVENTS[:2], breaks=True)]
    with pytest.raises(httpx.RemoteProtocolError):
        await caller.pieces()
    assert used(look, key) == {"rpm": 1, "itpm": 100, "otpm": 10}


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b'{"usage": 5}', b'{"usage": {"input_tokens": -1, "output_tokens": "many"}}', b""])
async def test_bodies_without_usage_keep_the_estimate(caller: Caller, look: Any, key: str, body: bytes) -> None:
    caller.provider.script = [answer(200, body)]
    assert (await caller.post()).content == body
    assert used(look, key) == {"rpm": 1, "itpm": 100, "otpm": 500}


async def test_output_is_reserved_by_what_calls_really_used(caller: Caller, server: Server, look: Any, key: str) -> None:
    look.policy_set("small", [Limit("otpm", 1000, 60, unit="output")])
    made = Caller(caller.kind, server.url, caller.provider, key=key, policy="small", wait=0)
    made.provider.script = [answer(200, usage(output=3)) for _ in range(250)]
    # With max_tokens not one call would be admitted; with the first estimate of 500, only 167.
    statuses = [(await made.post()).status_code for _ in range(250)]
    assert statuses == [200] * 250
    assert used(look, key) == {"otpm": 750}
    await made.close()


async def test_refused_calls_stand_in_line_again(caller: Caller, look: Any, key: str) -> None:
    caller.provider.script = [answer(429, b"{}", retry_after="0.4"), answer(529, b"{}", retry_after="0.2"), answer(200, usage())]
    begin = time.monotonic()
    assert (await caller.post()).content == usage()
    assert 0.55 < time.monotonic() - begin < 5
    assert caller.provider.bodies[0] == caller.provider.bodies[1] == caller.provider.bodies[2]
    # Anthropic does not count refused requests.
    assert used(look, key) == {"rpm": 1, "itpm": 100, "otpm": 30}


async def test_a_refusal_holds_the_key_for_all(caller: Caller, server: Server, look: Any, key: str) -> None:
    caller.provider.script = [answer(429, b"{}", retry_after="20")]
    made = Caller(caller.kind, server.url, caller.provider, key=key, wait=0.2)
    assert (await made.post()).status_code == 429
    peek = look.peek(key)
    assert peek is not None and not peek.allowed and 18 < peek.retry_after.total_seconds() <= 20
    await made.close()


async def test_refused_requests_that_count_stay_charged(caller: Caller, server: Server, look: Any, key: str) -> None:
    made = Caller(caller.kind, server.url, caller.provider, key=key, profile="openai")
    look.policy_set("claude", [Limit("rpm", 1000, 60), Limit("tpm", 10**6, 60, unit="tokens"), Limit("calls", 50, algorithm="inflight")])
    made.provider.script = [answer(429, b"{}", retry_after="0.1"), answer(200, b"{}")]
    assert (await made.post()).status_code == 200
    assert used(look, key) == {"rpm": 2, "tpm": 2000}
    look.policy_set("claude", POLICY)
    await made.close()


async def test_the_last_refusal_reaches_the_caller(caller: Caller, server: Server, look: Any, key: str) -> None:
    made = Caller(caller.kind, server.url, caller.provider, key=key, tries=2)
    made.provider.script = [answer(429, b'{"n": 1}', retry_after="0.05"), answer(429, b'{"n": 2}', retry_after="0.05")]
    response = await made.post()
    assert (response.status_code, response.json()) == (429, {"n": 2})
    assert used(look, key) == {"rpm": 0, "itpm": 0, "otpm": 0}
    await made.close()


async def test_headers_are_synced(caller: Caller, look: Any, key: str) -> None:
    caller.provider.script = [
        answer(200, usage(), anthropic_ratelimit_requests_remaining="400", anthropic_ratelimit_requests_limit="1000", anthropic_ratelimit_output_tokens_remaining="50000")
    ]
    await caller.post()
    wait_until("it is told", lambda: (look.info(key) or 0).used_elsewhere["rpm"], 5)
    elsewhere = look.info(key).used_elsewhere
    assert elsewhere["rpm"] == 599 + 30  # the margin of 3 %
    assert elsewhere["otpm"] > 900_000
    assert elsewhere["itpm"] == 0


class Monitor:
    """The commands about one key, as the server takes them."""

    def __init__(self, server: Server, key: str) -> None:
        self._server, self._key = server, key

    def __enter__(self) -> Monitor:
        self._monitor = self._server.client.monitor()
        self._monitor.__enter__()
        return self

    def __exit__(self, *_: Any) -> None:
        self._monitor.__exit__()

    def commands(self) -> list[list[str]]:
        """Returns those that have come until now."""
        mark = f"until now {time.monotonic()}"
        self._server.client.echo(mark)
        found: list[list[str]] = []
        while mark not in (command := self._monitor.next_command()["command"]):
            words = command.split(" ")
            # The server also shows what it sends to replicas.
            found += [words] if words[0].startswith("RL.") and words[1:2] == [self._key] else []
        return found


def ms(word: str) -> int:
    return int(word.removesuffix("ms"))


async def test_what_is_left_less_the_margin_is_told_once_and_how_old_it_is(caller: Caller, server: Server, look: Any, key: str) -> None:
    bucket = Limit("otpm", 10**6, 60, unit="output", algorithm="bucket", capacity=10**6)
    look.policy_set("buckets", [Limit("rpm", 1000, 60), bucket, Limit("calls", 50, algorithm="inflight")])
    headers = {"anthropic-ratelimit-requests-limit": "500", "anthropic-ratelimit-requests-remaining": "5"}
    headers |= {"anthropic-ratelimit-output-tokens-limit": "1000", "anthropic-ratelimit-output-tokens-remaining": "30"}
    said = answer(200, usage(), **headers)

    def slow(handler: Any) -> None:
        caller.provider.go_on.wait(0.2)
        said(handler)

    made = Caller(caller.kind, server.url, caller.provider, key=key, policy="buckets")
    made.provider.script = [slow]
    # It stands in line for 0.4 s, which is no part of the age.
    begin = time.monotonic()
    look.hold(key, 0.4)
    with Monitor(server, key) as monitor:
        await made.post()
        used(look, key)
        seen: list[list[str]] = []

        def told() -> bool:
            seen.extend(monitor.commands())
            return any(words[0] == "RL.SYNC" for words in seen)

        # The event loop sends it beside the response.
        await asyncio.to_thread(wait_until, "it is told", told, 5)
        end = time.monotonic()
        await made.close()
        seen += monitor.commands()
    (sync,) = (words for words in seen if words[0] == "RL.SYNC")
    limits = "LIMIT rpm REMAINING -10 OF 500 LIMIT otpm REMAINING -20 OF 1000 AGE"
    assert sync[2:-1] == limits.split(" ")
    assert 200 <= ms(sync[-1]) <= 1000 * (end - begin - 0.39)
    # What is left of the margin is owed, and nothing is held.
    assert not any(words[0] == "RL.HOLD" for words in seen)
    info = look.info(key)
    assert info.used_elsewhere["rpm"] == 999 + 10 and not any(info.held.values())
    assert not look.peek(key)


async def test_a_refusal_holds_the_key_once_before_it_is_given_back(caller: Caller, server: Server, look: Any, key: str) -> None:
    low = {"anthropic-ratelimit-requests-limit": "1000", "anthropic-ratelimit-requests-remaining": "0"}
    caller.provider.script = [answer(429, b"{}", retry_after="20", **low)]
    made = Caller(caller.kind, server.url, caller.provider, key=key, wait=0.2)
    with Monitor(server, key) as monitor:
        assert (await made.post()).status_code == 429
        await made.close()
        seen = monitor.commands()
    assert [words[0] for words in seen[:4]] == ["RL.QUOTA", "RL.HOLD", "RL.SYNC", "RL.CANCEL"]
    assert seen[1] == ["RL.HOLD", key, "20000ms"]
    assert seen[2][2:-1] == "LIMIT rpm REMAINING -30 OF 1000 AGE".split(" ")
    assert {words[0] for words in seen[4:]} == {"RL.QUOTA"}


async def test_a_refusal_that_says_nothing_holds_the_key_for_a_second(caller: Caller, server: Server, look: Any, key: str) -> None:
    caller.provider.script = [answer(529, b"{}")]
    made = Caller(caller.kind, server.url, caller.provider, key=key, tries=1)
    with Monitor(server, key) as monitor:
        assert (await made.post()).status_code == 529
        await made.close()
        assert [words for words in monitor.commands() if words[0] in ("RL.HOLD", "RL.SYNC")] == [["RL.HOLD", key, "1000ms"]]


async def test_a_response_that_was_overtaken_changes_nothing(caller: Caller, server: Server, look: Any, key: str) -> None:
    def says(remaining: int) -> Any:
        headers = {"anthropic-ratelimit-requests-limit": "1000", "anthropic-ratelimit-requests-remaining": str(remaining)}
        return answer(200, usage(), **headers)

    def late(handler: Any) -> None:
        caller.provider.go_on.wait(10)
        says(900)(handler)

    def elsewhere(count: int) -> bool:
        commands.extend(words for words in monitor.commands() if words[0] == "RL.SYNC")
        return len(commands) == count

    def post() -> Any:
        if caller.kind == "asyncio":
            return asyncio.create_task(caller.post())
        return asyncio.create_task(asyncio.to_thread(caller.client.post, caller.provider.url, json=BODY))

    commands: list[list[str]] = []
    caller.provider.script = [late, says(500)]
    with Monitor(server, key) as monitor:
        first = post()
        await asyncio.to_thread(wait_until, "the first was sent", lambda: len(caller.provider.bodies) == 1, 5)
        # The second stands in line, and is sent so much later.
        look.hold(key, 0.3)
        await post()
        await asyncio.to_thread(wait_until, "the second is told", lambda: elsewhere(1), 5)
        assert look.info(key).used_elsewhere["rpm"] == 1000 - 2 - (500 - 30)
        caller.provider.go_on.set()
        await first
        await asyncio.to_thread(wait_until, "the first is told", lambda: elsewhere(2), 5)
    assert look.info(key).used_elsewhere["rpm"] == 1000 - 2 - (500 - 30)


async def test_errors(caller: Caller, look: Any, key: str) -> None:
    caller.provider.script = [answer(400, b'{"type": "error"}'), answer(500, b"oops")]
    assert (await caller.post()).status_code == 400
    assert used(look, key) == {"rpm": 1, "itpm": 0, "otpm": 0}
    assert (await caller.post()).status_code == 500
    # Nobody knows whether the provider counted this one.
    assert used(look, key) == {"rpm": 2, "itpm": 100, "otpm": 500}


async def test_timeout_leaves_the_estimate(caller: Caller, look: Any, key: str) -> None:
    caller.provider.script = [lambda handler: caller.provider.go_on.wait(10) and None]
    with pytest.raises(httpx.ReadTimeout):
        await caller.post(timeout=0.2)
    assert used(look, key) == {"rpm": 1, "itpm": 100, "otpm": 500}


async def test_request_that_was_not_sent_is_given_back(caller: Caller, look: Any, key: str) -> None:
    caller.provider.server.shutdown()
    caller.provider.server.server_close()
    with pytest.raises(httpx.ConnectError):
        await caller.post()
    assert used(look, key) == {"rpm": 0, "itpm": 0, "otpm": 0}


async def test_requests_that_no_model_answers_are_not_limited(caller: Caller, look: Any, key: str) -> None:
    caller.provider.script = [answer(200, b"{}"), answer(200, b"{}")]
    await caller.post(body={"no": "model"})
    found = caller.client.post(caller.provider.url + "/count_tokens", json=BODY)
    await found if caller.kind == "asyncio" else found
    assert look.info(key) is None


@pytest.mark.parametrize("kind", ["threads", "asyncio"])
@pytest.mark.parametrize("fail", ["open", "closed"])
async def test_redis_gone(kind: str, fail: str, provider: Provider) -> None:
    with Server() as gone:
        url = gone.url
    caller = Caller(kind, url, provider, fail=fail, timeout=0.2)
    provider.script = [answer(200, usage())]
    response = await caller.post()
    assert response.status_code == (200 if fail == "open" else 503)
    if fail == "closed":
        assert response.headers["x-redis-rl"] == "unavailable"
    await caller.close()


async def test_policy_by_model(caller: Caller, server: Server, look: Any) -> None:
    look.policy_set("other", POLICY)
    made = Caller(caller.kind, server.url, caller.provider, policy={"m": "other"}, key=lambda model: f"by:{model}")
    made.provider.script = [answer(200, usage())]
    await made.post()
    assert look.info("by:m").policy == "other"
    await made.close()
    free = Caller(caller.kind, server.url, caller.provider, policy=lambda model: None, key="free")
    free.provider.script = [answer(200, usage())]
    assert (await free.post()).status_code == 200
    assert look.info("free") is None
    await free.close()


@pytest.mark.parametrize("kind", ["threads", "asyncio"])
async def test_a_server_that_hangs_does_not_hold_up_a_response(kind: str, provider: Provider, key: str) -> None:
    """What headers say is passed on beside the response. Only its end waits for the server: the call settles there."""
    with Server() as server:
        setter = redis_rl.Limiter(server.url)
        setter.policy_set("claude", POLICY)
        setter.close()
        made = Caller(kind, server.url, provider, key=key, timeout=2)
        limits = {"anthropic_ratelimit_requests_limit": "1000", "anthropic_ratelimit_requests_remaining": "900"}

        def freeze(handler: Any) -> None:
            server.freeze()
            answer(200, usage(), **limits)(handler)

        provider.script = [answer(200, usage()), freeze]
        await made.post()
        begin, first = time.monotonic(), 0.0
        if kind == "asyncio":
            async with made.client.stream("POST", provider.url, json=BODY):
                first = time.monotonic() - begin
                server.thaw()
        else:
            with made.client.stream("POST", provider.url, json=BODY):
                first = time.monotonic() - begin
                server.thaw()
        assert first < 1
        await made.close()
