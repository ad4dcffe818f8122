"""A provider whose answers a test writes, and a caller that calls it in one way for both kinds of clients."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable

import httpx
import redis_rl
from redis_rl import Limit

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
            disable_nagle_algorithm = True

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
