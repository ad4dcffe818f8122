"""Rate limits that Redis or Valkey keeps with the module redis-rl.

    limiter = redis_rl.Limiter("redis://localhost")
    if limiter.slide("api", 500, 60):
        ...

`AsyncLimiter` is the same for asyncio. `redis_rl.httpx.Transport` puts a limit in front of an SDK; the other integrations are
modules of their own, which are imported when they are used: `redis_rl.fastapi`, `redis_rl.flask`, `redis_rl.celery`, `redis_rl.litellm`,
`redis_rl.langchain`, `redis_rl.pydantic_ai`.
"""

from __future__ import annotations

import importlib
from typing import Any

from ._async.limiter import AsyncLimiter
from ._async.reservation import AsyncFirstReservation, AsyncReservation
from ._sync.limiter import Limiter
from ._sync.reservation import FirstReservation, Reservation
from .answers import Decision, FirstDecision, Info, LimitState, QuotaDecision, TopKey
from .calls.keys import Left
from .errors import Busy, Denied, Invalid, NoPolicy, RateLimitError, Unavailable, Unsupported, WrongType
from .limits import Limit
from .rules import Bucket, Quota, Rule, Slide, Window

__version__ = "0.1.0"
__all__ = [
    "AsyncFirstReservation",
    "AsyncLimiter",
    "AsyncReservation",
    "Bucket",
    "Busy",
    "Decision",
    "Denied",
    "FirstDecision",
    "FirstReservation",
    "Info",
    "Invalid",
    "Left",
    "Limit",
    "LimitState",
    "Limiter",
    "NoPolicy",
    "Quota",
    "QuotaDecision",
    "RateLimitError",
    "Reservation",
    "Rule",
    "Slide",
    "TopKey",
    "Unavailable",
    "Unsupported",
    "Window",
    "WrongType",
]
_INTEGRATIONS = ("celery", "fastapi", "flask", "httpx", "httpx2", "langchain", "litellm", "pydantic_ai")


def __getattr__(name: str) -> Any:
    """Imports an integration when it is first named: each needs a package that not everybody has."""
    if name in _INTEGRATIONS:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
