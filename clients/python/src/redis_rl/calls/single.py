"""RL.SLIDE, RL.WINDOW and RL.BUCKET."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Optional, Union

from .. import bodies, replies
from ..answers import Decision
from ..durations import Duration, to_ms, window_word, word
from .call import NO_WAIT, Call, Key, Request, Wait, Word, integer, key_text

Refill = Union[int, float, str, Decimal]


def _call(words: list[Word], body: dict[str, Any], path: str, key: Key, cost: int, wait: Wait) -> Call[Decision]:
    if cost != 1:
        words += ["COST", integer(cost, "cost")]
        body["cost"] = cost
    wait_at = len(words)
    words += wait.words()

    def request(wait: Wait) -> Request:
        return Request("POST", path, {"key": key_text(key), **body, **wait.body(), "on_error": "deny"})

    return Call(words, replies.decision, request, bodies.decision, key, wait, replies.undecided, wait_at=wait_at)


def slide(key: Key, limit: int, window: Duration, cost: int = 1, wait: Wait = NO_WAIT) -> Call[Decision]:
    """An exact sliding window.

    >>> slide("api", 500, 60).words
    ['RL.SLIDE', 'api', '500', '60000ms']
    """
    period = word(to_ms(window))
    words: list[Word] = ["RL.SLIDE", key, integer(limit, "limit"), period]
    return _call(words, {"limit": limit, "window": period}, "/v1/slide", key, cost, wait)


def window(
    key: Key, limit: int, window: Duration, offset: Optional[Duration] = None, cost: int = 1, wait: Wait = NO_WAIT
) -> Call[Decision]:
    """A fixed window. `window` may be `1mo`, a calendar month, or `1w`, a week from Monday on."""
    period = window_word(window)
    words: list[Word] = ["RL.WINDOW", key, integer(limit, "limit"), period]
    body: dict[str, Any] = {"limit": limit, "window": period}
    if offset is not None and to_ms(offset):
        body["offset"] = word(to_ms(offset))
        words += ["OFFSET", body["offset"]]
    return _call(words, body, "/v1/window", key, cost, wait)


def bucket(
    key: Key, capacity: int, refill: Refill, period: Optional[Duration] = None, cost: int = 1, wait: Wait = NO_WAIT
) -> Call[Decision]:
    """A token bucket: gains `refill` tokens in each `period`, which is a second if it is not given."""
    exact = _decimal(refill)
    words: list[Word] = ["RL.BUCKET", key, integer(capacity, "capacity"), exact]
    body: dict[str, Any] = {"capacity": capacity, "refill": int(exact) if exact.isdecimal() else float(exact)}
    if period is not None:
        body["period"] = word(to_ms(period))
        words.append(body["period"])
    return _call(words, body, "/v1/bucket", key, cost, wait)


def _decimal(refill: Refill) -> str:
    """Writes a refill without an exponent."""
    if isinstance(refill, bool):
        raise TypeError("refill must be a number")
    if isinstance(refill, int):
        return str(refill)
    return format(Decimal(repr(refill) if isinstance(refill, float) else refill), "f")
