"""Asks rl-coordinator over HTTP."""

from __future__ import annotations

from typing import Any, Mapping, Optional, TypeVar

from ..calls import Call
from ..errors import Unavailable, Unsupported, from_problem
from ..http_library import http_library

T = TypeVar("T")


class Coordinator:
    """The requests of a limiter whose URL begins with `http`."""

    def __init__(self, url: str, token: Optional[str], connections: int) -> None:
        self._httpx = http_library()
        self._url = url.rstrip("/")
        self._headers: Mapping[str, str] = {} if token is None else {"authorization": f"Bearer {token}"}
        self._limits = self._httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        self._client = self._make()

    def _make(self) -> Any:
        # No proxy of the environment: it would see every decision, and add to each.
        return self._httpx.AsyncClient(base_url=self._url, headers=self._headers, limits=self._limits, trust_env=False)

    async def ask(self, call: Call[T], seconds: float) -> T:
        """Returns the answer of a call."""
        if call.request is None:
            raise Unsupported("rl-coordinator does not offer this call")
        request = call.request(call.wait)
        try:
            response = await self._client.request(request.method, request.path, json=request.body, timeout=seconds)
        except self._httpx.HTTPError as error:
            raise Unavailable(str(error) or type(error).__name__) from error
        return read(call, response.status_code, response)

    def forget(self) -> None:
        """Forgets connections that cannot be used or closed any more."""
        self._client = self._make()

    async def close(self) -> None:
        await self._client.aclose()


def read(call: Call[T], status: int, response: Any) -> T:
    """Reads an answer: 200, and 429 with a decision."""
    try:
        body = response.json()
    except ValueError:
        body = None
    if isinstance(body, dict) and status in (200, 429) and "code" not in body:
        try:
            return call.read_body(body)
        except (TypeError, ValueError, KeyError) as error:
            raise Unavailable("the answer is not understood", "strange") from error
    if isinstance(body, dict) and body.get("code") in call.absent:
        return call.read_body(None)
    raise from_problem(status, body)
