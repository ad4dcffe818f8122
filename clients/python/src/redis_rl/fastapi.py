"""Limits for FastAPI and Starlette: a dependency for routes, and middleware for all of an application.

    @app.get("/", dependencies=[Depends(RateLimit(limiter, redis_rl.Slide(100, 60)))])

A denial is answered 429 with `Retry-After`. All answers have `RateLimit` and `RateLimit-Policy`.
"""

from __future__ import annotations

import inspect
from typing import Any, Awaitable, Callable, Optional, Union

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ._async.limiter import AsyncLimiter, Priority
from .durations import Duration
from .rules import AnyDecision, Rule, header_fields, refusal_status

__all__ = ["RateLimit", "RateLimitMiddleware", "client_address"]

KeyOf = Callable[[Request], Union[Optional[str], Awaitable[Optional[str]]]]


def client_address(request: Request) -> Optional[str]:
    """Returns a key for the address of the client. Behind a proxy that is the proxy's, unless the server trusts its headers."""
    return f"address:{request.client.host if request.client else 'unknown'}"


class _Limit:
    """Asks a rule for a request. `key` returns the key; if it answers None, the request is not limited."""

    def __init__(
        self,
        limiter: AsyncLimiter,
        rule: Rule,
        *,
        key: KeyOf = client_address,
        cost: int = 1,
        wait: Optional[Duration] = None,
        priority: Priority = None,
    ) -> None:
        self._limiter, self._rule, self._key = limiter, rule, key
        self._cost, self._wait, self._priority = cost, wait, priority

    async def decide(self, request: Request) -> tuple[Optional[AnyDecision], dict[str, str]]:
        found = self._key(request)
        key = await found if inspect.isawaitable(found) else found
        if key is None:
            return None, {}
        decision = await self._limiter.ask(key, self._rule, cost=self._cost, wait=self._wait, priority=self._priority)
        return decision, header_fields(self._rule, decision)


class RateLimit(_Limit):
    """A dependency: `Depends(RateLimit(limiter, rule, key=...))`. It raises `HTTPException` for a denial."""

    async def __call__(self, request: Request, response: Response) -> None:
        decision, fields = await self.decide(request)
        if decision is None:
            return
        if not decision:
            raise HTTPException(refusal_status(decision), detail="rate limited", headers=fields)
        response.headers.update(fields)


class RateLimitMiddleware(_Limit):
    """Middleware: `app.add_middleware(RateLimitMiddleware, limiter=limiter, rule=rule)`. It limits HTTP requests."""

    def __init__(self, app: Any, limiter: AsyncLimiter, rule: Rule, **options: Any) -> None:
        super().__init__(limiter, rule, **options)
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        decision, fields = await self.decide(Request(scope, receive))
        if decision is not None and not decision:
            await JSONResponse({"detail": "rate limited"}, refusal_status(decision), fields)(scope, receive, send)
            return

        async def send_with_fields(message: Any) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(fields)
            await send(message)

        await self._app(scope, receive, send_with_fields)
