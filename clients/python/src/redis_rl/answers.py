"""What calls answer. An answer is true if the request is admitted."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Mapping, Optional, Union


@dataclass(frozen=True)
class Decision:
    """The decision of a single limit.

    >>> bool(Decision(True, 500, 499, timedelta(0), timedelta(seconds=60)))
    True
    """

    allowed: bool
    limit: int
    remaining: int
    retry_after: Optional[timedelta]
    """0 if admitted; None if this cost can never be admitted."""
    reset_after: timedelta
    degraded: bool = False
    """True if the request could not be decided, and `fail` of the limiter was answered."""

    def __bool__(self) -> bool:
        return self.allowed


@dataclass(frozen=True)
class LimitState:
    """One limit of a quota, after the decision."""

    limit: int
    remaining: int
    retry_after: Optional[timedelta]
    reset_after: timedelta


@dataclass(frozen=True)
class QuotaDecision:
    """The decision of a quota.

    >>> bool(QuotaDecision(False, timedelta(seconds=2), ("tpm",)))
    False
    """

    allowed: bool
    retry_after: Optional[timedelta]
    blocking: tuple[str, ...] = ()
    """The names of all limits that block."""
    limits: Mapping[str, LimitState] = field(default_factory=dict)
    """The limits by name; empty after a short reply. For several keys the names are `policy/name`."""
    id: Optional[str] = None
    """The id of the reservation, if one was asked for and the request is admitted."""
    degraded: bool = False

    def __bool__(self) -> bool:
        return self.allowed


@dataclass(frozen=True)
class FirstDecision(QuotaDecision):
    """The decision of `first`.

    >>> FirstDecision(True, timedelta(0), index=1).index
    1
    """

    index: int = -1
    """Which key admits, from 0 in the order given; -1 if none does. The other fields are about that key. A request that could not
    be decided and is let through counts as admitted by the preferred key, 0."""


Amounts = Union[int, Mapping[str, int]]
"""An integer, or for a quota a map by limit."""
Periods = Union[timedelta, Mapping[str, timedelta]]


@dataclass(frozen=True)
class Info:
    """What RL.INFO says of a key."""

    algorithm: str
    """`slide`, `window`, `bucket`, `quota`, or `none` for a key that is only held."""
    policy: Optional[str]
    parameters: Mapping[str, object]
    """As the server names them; for a quota a map by limit."""
    used: Amounts
    remaining: Amounts
    held: Periods
    used_elsewhere: Amounts
    elsewhere: Periods
    waiting: Mapping[str, int]
    """The number of waiters by lane."""
    head_wait: Optional[timedelta]
    reservations: int
    bytes: int


@dataclass(frozen=True)
class TopKey:
    """A key of RL.TOP: `count` requests; the true number may be lower, by at most `error`."""

    key: bytes
    count: int
    error: int
