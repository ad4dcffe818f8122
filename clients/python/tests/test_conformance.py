"""All of conformance/cases.json: words, requests, replies, errors, failures, and sessions by RESP2, RESP3 and HTTP."""

from __future__ import annotations

import inspect
import uuid
from typing import Any

import pytest
import redis
import redis.asyncio
import redis_rl
from neutral import CASES, arguments, call, matches, plain
from redis_rl import errors
from redis_rl._async.coordinator import read as read_http
from servers import Coordinator, Server, free_port


def cases(group: str) -> Any:
    return pytest.mark.parametrize("case", CASES[group], ids=[case["name"] for case in CASES[group]])


def resp(value: Any) -> Any:
    """Makes a reply as the client library gives it: text is bytes."""
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, list):
        return [resp(each) for each in value]
    if isinstance(value, dict):
        return {resp(name): resp(each) for name, each in value["map"]}
    return value


class Response:
    """A response whose body is known."""

    def __init__(self, body: Any) -> None:
        self.body = body

    def json(self) -> Any:
        return self.body


def sample(name: str) -> Any:
    """Returns a call of this name, with arguments that do not matter."""
    return next(case["args"] for case in CASES["calls"] if case["call"] == name and "flow" not in case["args"])


@cases("calls")
def test_call(case: Any) -> None:
    built = call(case["call"], case["args"])
    assert built.words == case["words"]
    if case["http"] is None:
        assert built.request is None
    else:
        request = built.request(built.wait)
        assert {"method": request.method, "path": request.path, "body": request.body} == case["http"]


@cases("replies")
def test_reply(case: Any) -> None:
    args = {**sample(case["of"]), **case.get("args", {})}
    if case["of"] == "sync" and "limits" in case.get("args", {}):
        args = {"key": "k", **case["args"]}
    built = call(case["of"], args)
    for form in ("resp2", "resp3"):
        if form in case:
            assert plain(built.read(resp(case[form]))) == case["answer"], form
    if "http" in case:
        assert plain(read_http(built, case["http"]["status"], Response(case["http"]["body"]))) == case["answer"]


@cases("errors")
def test_error(case: Any) -> None:
    found = [errors.from_text(case["resp"])] if "resp" in case else []
    if "http" in case:
        with pytest.raises(errors.RateLimitError) as raised:
            read_http(call(case["of"], sample(case["of"])), case["http"]["status"], Response(case["http"]["body"]))
        found.append(raised.value)
    for error in found:
        assert type(error).__name__ == case["error"]["class"]
        assert getattr(error, "cause", None) == case["error"].get("cause")


FAILURES = [(case, scheme) for case in CASES["failures"] for scheme in ("redis", "http") if (case["call"], scheme) != ("info", "http")]


@pytest.mark.parametrize(("case", "scheme"), FAILURES, ids=[f"{case['name']}, {scheme}" for case, scheme in FAILURES])
async def test_failure(case: Any, scheme: str) -> None:
    url = f"{scheme}://127.0.0.1:{free_port()}"
    async with redis_rl.AsyncLimiter(url, fail=case["fail"]) as limiter:
        with redis_rl.Limiter(url, fail=case["fail"]) as threads:
            for each in (limiter, threads):
                name, args = case["call"], arguments(case["call"], sample(case["call"]))
                if "error" in case:
                    with pytest.raises(redis_rl.Unavailable) as raised:
                        await answered(getattr(each, name)(**args))
                    assert raised.value.cause == case["error"]["cause"]
                else:
                    assert plain(await answered(getattr(each, name)(**args))) == case["answer"]
                assert each.degraded == {"down": 1}


async def answered(found: Any) -> Any:
    return await found if inspect.isawaitable(found) else found


def limiter(kind: str, over: str, server: Server, coordinator: Coordinator) -> Any:
    made = redis_rl.AsyncLimiter if kind == "asyncio" else redis_rl.Limiter
    if over == "http":
        return made(coordinator.url, token=coordinator.token)
    library = redis.asyncio if kind == "asyncio" else redis
    return made(library.Redis(port=server.port, protocol=int(over[-1])))


def knows(server: Server, word: str) -> bool:
    # The name in lower case, so that redis-py does not read the reply as that of COMMAND.
    return word in str(server.client.execute_command("command docs", "RL.SLIDE")).upper()


SESSIONS = [(case, over) for case in CASES["sessions"] for over in case["over"]]


@pytest.mark.parametrize("kind", ["threads", "asyncio"])
@pytest.mark.parametrize(("case", "over"), SESSIONS, ids=[f"{case['name']}, {over}" for case, over in SESSIONS])
async def test_session(case: Any, over: str, kind: str, server: Server, coordinator: Coordinator) -> None:
    if "needs" in case and not knows(server, case["needs"]):
        pytest.skip(f"this server does not know {case['needs']} yet")
    prefix, each = f"{{{uuid.uuid4().hex}}}:", limiter(kind, over, server, coordinator)
    for step in case["steps"]:
        args = dict(step["args"])
        if "key" in args:
            args["key"] = prefix + args["key"]
        if "keys" in args:
            args["keys"] = [{**one, "key": prefix + one["key"]} for one in args["keys"]]
        asked = arguments(step["call"], args)
        if "error" in step:
            with pytest.raises(redis_rl.RateLimitError) as raised:
                await answered(getattr(each, step["call"])(**asked))
            assert type(raised.value).__name__ == step["error"]["class"], step
        else:
            found = plain(await answered(getattr(each, step["call"])(**asked)))
            assert matches(step["answer"], found), (step, found)
    await answered(each.close())
