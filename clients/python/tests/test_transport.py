"""The transport against a provider that is written for the test: bytes, abandoned and broken streams, refusals, errors, failures."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Iterator

import httpx
import pytest
import redis_rl
from redis_rl import Limit
from servers import Server, wait_until

POLICY = [
    Limit("rpm", 1000, 60),
    Limit("itpm", 10**6, 60, unit="input"),
    Limit("otpm", 10**6, 60, unit="output"),
    Limit("calls", 50, algorithm="inflight"),
]
BODY = {"model": "m", "max_tokens": 1000, "messages": [{"role": "user", "content": "x" * 400}]}


class Provider:
    """Answers by a script: each handler writes one response."""

    def __init__(self) -> None:
        provider = self
        self.script: list[Callable[[BaseHTTPRequestHandler], None]] = []
        self.bodies: list[bytes] = []
        self.go_on = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 65536  # head and body in one packet

            def do_POST(self) -> None:
                provider.bodies.append(self.rfile.read(int(self.headers["content-length"])))
                try:
                    provider.script.pop(0)(self)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            do_GET = do_POST

            def handle(self) -> None:
                try:
                    super().handle()
                except ConnectionResetError:
                    pass  # the caller has gone

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1/messages"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()


def answer(status: int, body: bytes, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def write(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"content-type": "application/json", **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return write


def usage(given: int = 100, output: int = 30) -> bytes:
    return json.dumps({"usage": {"input_tokens": given, "cache_read_input_tokens": 7, "output_tokens": output}}).encode()


def event(kind: str, **body: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **body})}\n\n".encode()


EVENTS = [
    event("message_start", message={"usage": {"input_tokens": 90, "cache_creation_input_tokens": 10, "output_tokens": 1}}),
    event("content_block_delta", delta={"type": "text_delta", "text": "word " * 8}),
    event("content_block_delta", delta={"type": "input_json_delta", "partial_json": "{}"}),
    event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 77}),
    event("message_stop"),
]


def stream(pieces: list[bytes], wait_after: int = -1, provider: Any = None, breaks: bool = False) -> Callable[[BaseHTTPRequestHandler], None]:
    def write(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-type", "text/event-stream")
        handler.send_header("transfer-encoding", "chunked")
        handler.end_headers()
        for number, piece in enumerate(pieces):
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            handler.wfile.flush()
            if number == wait_after:
                provider.go_on.wait(10)
        if not breaks:
            handler.wfile.write(b"0\r\n\r\n")
        handler.close_connection = True

    return write


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


class Caller:
    """Calls with a client of either kind, in one way."""

    def __init__(self, kind: str, url: str, provider: Provider, **options: Any) -> None:
        self.kind, self.provider = kind, provider
        limiter_options = {name: options.pop(name) for name in ("fail", "timeout") if name in options}
        made = redis_rl.AsyncLimiter if kind == "asyncio" else redis_rl.Limiter
        self.limiter: Any = made(url, policy="claude", **limiter_options)
        client = httpx.AsyncClient if kind == "asyncio" else httpx.Client
        self.client: Any = client(transport=redis_rl.httpx.Transport(self.limiter, **options), timeout=10)

    async def post(self, body: Any = BODY, **options: Any) -> httpx.Response:
        found = self.client.post(self.provider.url, json=body, **options)
        return await found if self.kind == "asyncio" else found

    async def pieces(self, most: int = 1000) -> list[bytes]:
        """Reads a stream, and leaves after `most` pieces."""
        found: list[bytes] = []
        if self.kind == "asyncio":
            async with self.client.stream("POST", self.provider.url, json=BODY) as response:
                async for piece in response.aiter_raw():
                    found.append(piece)
                    if len(found) == most:
                        break
        else:
            with self.client.stream("POST", self.provider.url, json=BODY) as response:
                for piece in response.iter_raw():
                    found.append(piece)
                    if len(found) == most:
                        break
        return found

    async def close(self) -> None:
        await self.client.aclose() if self.kind == "asyncio" else self.client.close()
        await self.limiter.close() if self.kind == "asyncio" else self.limiter.close()


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
