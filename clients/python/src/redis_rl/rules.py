"""Rules: a limit as a value, for middleware and decorators that ask the same limit again and again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Optional, Sequence, Union

from . import calls
from .answers import Decision, QuotaDecision
from .calls import Call, Costs, Key, Wait
from .calls.call import NO_WAIT
from .calls.single import Refill
from .durations import CALENDAR, Duration, to_ms
from .limits import Limit

AnyDecision = Union[Decision, QuotaDecision]
DEFAULT = "default"
"""The name of a single limit in header fields."""


@dataclass(frozen=True)
class Slide:
    """An exact sliding window.

    >>> Slide(100, 60).policy()
    '"default";q=100;w=60'
    """

    limit: int
    window: Duration

    def call(self, key: Key, cost: int = 1, wait: Wait = NO_WAIT) -> Call[Decision]:
        return calls.slide(key, self.limit, self.window, cost, wait)

    def policy(self) -> str:
        return _policy(DEFAULT, self.limit, self.window)


@dataclass(frozen=True)
class Window:
    """A fixed window, aligned to the clock."""

    limit: int
    window: Duration
    offset: Duration = 0

    def call(self, key: Key, cost: int = 1, wait: Wait = NO_WAIT) -> Call[Decision]:
        return calls.window(key, self.limit, self.window, self.offset, cost, wait)

    def policy(self) -> str:
        return _policy(DEFAULT, self.limit, self.window)


@dataclass(frozen=True)
class Bucket:
    """A token bucket."""

    capacity: int
    refill: Refill
    period: Duration = 1

    def call(self, key: Key, cost: int = 1, wait: Wait = NO_WAIT) -> Call[Decision]:
        return calls.bucket(key, self.capacity, self.refill, self.period, cost, wait)

    def policy(self) -> str:
        return f'"{DEFAULT}";q={self.capacity}'


@dataclass(frozen=True)
class Quota:
    """Many limits: a policy of the server, or limits."""

    policy_name: Optional[str] = None
    limits: Sequence[Limit] = ()

    def call(self, key: Key, cost: Union[int, Costs] = 1, wait: Wait = NO_WAIT) -> Call[QuotaDecision]:
        costs = {"requests": cost} if isinstance(cost, int) else cost
        return calls.quota(key, self.policy_name, self.limits, costs, wait=wait)

    def policy(self) -> str:
        return ", ".join(_policy(limit.name, limit.limit, limit.window, limit.unit) for limit in self.limits if limit.window is not None)


Rule = Union[Slide, Window, Bucket, Quota]


def _policy(name: str, limit: int, window: Duration, unit: str = "requests") -> str:
    counted = "" if unit == "requests" else f';qu="{unit}"'
    seconds = "" if window in CALENDAR else f";w={max(1, -(-to_ms(window) // 1000))}"
    return f'"{name}";q={limit}{counted}{seconds}'


def _seconds(duration: timedelta) -> int:
    return -(-duration // timedelta(seconds=1))


def header_fields(rule: Rule, decision: AnyDecision) -> dict[str, str]:
    """Returns `RateLimit`, `RateLimit-Policy`, and `Retry-After` for a denial. An undecided request has no numbers to tell.

    >>> header_fields(Slide(5, 60), Decision(True, 5, 4, timedelta(0), timedelta(seconds=60)))["RateLimit"]
    '"default";r=4;t=60'
    """
    found: dict[str, str] = {}
    if not decision.degraded:
        rows: Any = {DEFAULT: decision} if isinstance(decision, Decision) else decision.limits
        found["RateLimit"] = ", ".join(f'"{name}";r={row.remaining};t={_seconds(row.reset_after)}' for name, row in rows.items())
        found["RateLimit-Policy"] = rule.policy()
    if not decision.allowed and decision.retry_after is not None:
        found["Retry-After"] = str(max(1, _seconds(decision.retry_after)))
    return {name: value for name, value in found.items() if value}


def refusal_status(decision: AnyDecision) -> int:
    """Returns the status of a denial: 429, or 503 if the request could not be decided."""
    return 503 if decision.degraded else 429
