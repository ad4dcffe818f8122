"""Durations: `timedelta`, seconds as a number, or text such as `250ms`, `60s`, `5m`, `1h`, `1d`. Sent in ms, exactly."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Union

Duration = Union[timedelta, int, float, Decimal, str]

_UNITS = {"ms": 1, "s": 1000, "": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_TEXT = re.compile(r"(-?[0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d|w|)\Z")
CALENDAR = ("1mo", "1w")
"""Windows that follow the calendar: a month, and a week from Monday on. They are sent as they stand."""


def to_ms(duration: Duration) -> int:
    """Returns the duration in ms, rounded to the nearest.

    >>> to_ms(60), to_ms("250ms"), to_ms(timedelta(minutes=5)), to_ms(0.25)
    (60000, 250, 300000, 250)
    """
    if isinstance(duration, timedelta):
        micros = (duration.days * 86_400 + duration.seconds) * 1_000_000 + duration.microseconds
        return (micros + 500) // 1000
    if isinstance(duration, bool):
        raise TypeError("a duration is a timedelta, a number of seconds or text, not a bool")
    if isinstance(duration, int):
        return duration * 1000
    unit = 1000
    if isinstance(duration, str):
        found = _TEXT.match(duration)
        if not found:
            raise ValueError("a duration must be seconds, or a number with a unit, such as 250ms, 60s, 5m, 1h or 1d")
        number, unit = Decimal(found[1]), _UNITS[found[2]]
    else:
        number = Decimal(repr(duration)) if isinstance(duration, float) else duration
        if not number.is_finite():
            raise ValueError("a duration must be finite")
    return int((number * unit).to_integral_value(ROUND_HALF_UP))


def word(ms: int) -> str:
    """Writes ms as commands and bodies take them."""
    return f"{ms}ms" if ms else "0"


def window_word(window: Duration) -> str:
    """Writes a window, which may follow the calendar."""
    return window if isinstance(window, str) and window in CALENDAR else word(to_ms(window))


def from_ms(ms: int) -> timedelta:
    return timedelta(milliseconds=ms)


def retry_from_ms(ms: int) -> timedelta | None:
    """Reads `retry_after_ms`: None for -1, which means never. A time that `timedelta` cannot hold is its largest."""
    return None if ms < 0 else timedelta(milliseconds=ms)
