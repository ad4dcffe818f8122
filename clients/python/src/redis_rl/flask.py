"""Limits for Flask: a decorator for views, and a limit for all of an application.

    @app.get("/")
    @rate_limit(limiter, redis_rl.Slide(100, 60))
    def index(): ...

A denial is answered 429 with `Retry-After`. All answers have `RateLimit` and `RateLimit-Policy`.
"""

from __future__ import annotations

import functools
from typing import Any, Callable, Optional, TypeVar, cast

from flask import Flask, Response, after_this_request, jsonify, request

from ._sync.limiter import Limiter, Priority
from .durations import Duration
from .rules import Rule, header_fields, refusal_status

__all__ = ["client_address", "limit_app", "rate_limit"]

View = TypeVar("View", bound=Callable[..., Any])
KeyOf = Callable[[], Optional[str]]


def client_address() -> Optional[str]:
    """Returns a key for the address of the client. Behind a proxy that is the proxy's, unless Werkzeug's ProxyFix is used."""
    return f"address:{request.remote_addr or 'unknown'}"


def _refusal(limiter: Limiter, rule: Rule, key: KeyOf, cost: int, wait: Optional[Duration], priority: Priority) -> Optional[Response]:
    """Asks for the present request. Returns the answer to a denial."""
    name = key()
    if name is None:
        return None
    decision = limiter.ask(name, rule, cost=cost, wait=wait, priority=priority)
    fields = header_fields(rule, decision)

    @after_this_request
    def add(response: Response) -> Response:
        response.headers.update(fields)
        return response

    if decision:
        return None
    refusal: Response = jsonify(detail="rate limited")
    refusal.status_code = refusal_status(decision)
    return refusal


def rate_limit(
    limiter: Limiter,
    rule: Rule,
    *,
    key: KeyOf = client_address,
    cost: int = 1,
    wait: Optional[Duration] = None,
    priority: Priority = None,
) -> Callable[[View], View]:
    """Limits a view. `key` returns the key; if it answers None, the request is not limited."""

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def limited(*args: Any, **kwargs: Any) -> Any:
            return _refusal(limiter, rule, key, cost, wait, priority) or view(*args, **kwargs)

        return cast(View, limited)

    return decorate


def limit_app(
    app: Flask,
    limiter: Limiter,
    rule: Rule,
    *,
    key: KeyOf = client_address,
    cost: int = 1,
    wait: Optional[Duration] = None,
    priority: Priority = None,
) -> None:
    """Limits all views of an application."""
    app.before_request(lambda: _refusal(limiter, rule, key, cost, wait, priority))
