"""A transport for httpx2: that of `redis_rl.httpx`. Made from it by tools/make_sync.py."""

from __future__ import annotations

from typing import Any, AsyncIterator, Callable, Iterator, Optional, Union

import httpx2

from ._async.caller import AsyncCaller
from ._async.limiter import AsyncLimiter
from ._sync.caller import Caller
from ._sync.limiter import Limiter
from .durations import Duration
from .transport.options import Estimate, OfModel, Options, Priority

__all__ = ["Transport"]


class Transport(httpx2.BaseTransport, httpx2.AsyncBaseTransport):
    """Reserves for each request under the key's policy, sends it, and settles by what it used.

    It is for `httpx2.Client` with a `Limiter`, and for `httpx2.AsyncClient` with an `AsyncLimiter`. `transport` sends the requests.

    - `policy` is the limiter's policy, a name, a mapping from model to name, or a function of the model; if a function answers None, the
      request is not limited. `key` is the same for keys; without it, the key is the policy's name.
    - `profile` is the provider's; without it, the host and the path of the request say which.
    - `wait` is how long a request stands in line in all. After that it is answered 429, as a provider would. `priority` and `flow` may be
      functions, which are called for each request.
    - `ttl` is that of the reservation, which is renewed while the response is read.
    - `estimate` returns the input tokens of a body; without it, four bytes are a token. `expected_output` is reserved for output until
      calls have shown what they use: then it is their 99th percentile, at most the `max_tokens` of the request.
    - `margin` is the share of each limit that is left to the provider: 3 % of a limit, and 5 % of a bucket, unless it is given. `tries`
      bounds how often a refused request stands in line.
    """

    def __init__(
        self,
        limiter: Union[Limiter, AsyncLimiter],
        transport: Any = None,
        *,
        key: OfModel = None,
        policy: OfModel = None,
        profile: Optional[str] = None,
        priority: Union[Priority, Callable[[], Priority]] = None,
        flow: Union[str, Callable[[], Optional[str]], None] = None,
        wait: Duration = 60,
        ttl: Duration = 60,
        tries: int = 5,
        margin: Optional[float] = None,
        expected_output: int = 500,
        estimate: Optional[Estimate] = None,
    ) -> None:
        options = Options.of(
            wait,
            key=key,
            policy=policy,
            profile=profile,
            priority=priority,
            flow=flow,
            ttl=ttl,
            tries=tries,
            margin=margin,
            expected_output=expected_output,
            estimate=estimate,
        )
        self._caller = Caller(limiter, options, _Library) if isinstance(limiter, Limiter) else None
        self._async_caller = AsyncCaller(limiter, options, _Library) if isinstance(limiter, AsyncLimiter) else None
        default: Any = httpx2.HTTPTransport if isinstance(limiter, Limiter) else httpx2.AsyncHTTPTransport
        self._transport: Any = default() if transport is None else transport

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if self._caller is None:
            raise TypeError("httpx2.Client takes a transport with a Limiter, httpx2.AsyncClient one with an AsyncLimiter")
        response: httpx2.Response = self._caller.send(request, self._transport.handle_request)
        return response

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if self._async_caller is None:
            raise TypeError("httpx2.AsyncClient takes a transport with an AsyncLimiter, httpx2.Client one with a Limiter")
        response: httpx2.Response = await self._async_caller.send(request, self._transport.handle_async_request)
        return response

    def close(self) -> None:
        self._transport.close()

    async def aclose(self) -> None:
        await self._transport.aclose()


class _Stream(httpx2.SyncByteStream):
    def __init__(self, passage: Any) -> None:
        self._passage = passage

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._passage)

    def close(self) -> None:
        self._passage.close()


class _AsyncStream(httpx2.AsyncByteStream):
    def __init__(self, passage: Any) -> None:
        self._passage = passage

    def __aiter__(self) -> AsyncIterator[bytes]:
        found: AsyncIterator[bytes] = aiter(self._passage)
        return found

    async def aclose(self) -> None:
        await self._passage.aclose()


class _Library:
    """What a caller needs of this library."""

    Response = httpx2.Response
    Stream = _Stream
    AsyncStream = _AsyncStream
