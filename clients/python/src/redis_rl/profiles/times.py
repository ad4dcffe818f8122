"""The forms in which providers write times. All give ms from now, rounded up, more than 0 and at most 3650 d."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Optional

COUNT_MAX = 9_007_199_254_740_991
TIME_MAX_MS = 315_360_000_000
_NANOS = 1_000_000
_NUMBER = re.compile(r"([0-9]+)(?:\.([0-9]+))?\Z")
_GO = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|us|µs|ns|h|m|s|d)")
_GO_NANOS = {"ms": 10**6, "us": 10**3, "µs": 10**3, "ns": 1, "h": 3600 * 10**9, "m": 60 * 10**9, "s": 10**9, "d": 86400 * 10**9}
_INSTANT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?(?:([Zz])|([+-])([0-9]{2}):([0-9]{2}))\Z"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_UNIX_MS_FROM = 100_000_000_000


def count(text: str) -> Optional[int]:
    """Reads a count; one that is larger than every client can read is the largest of those."""
    return min(int(text[:20]), COUNT_MAX) if text.isascii() and text.isdigit() else None


def ms_of(form: str, text: str, now_ms: int) -> Optional[int]:
    """Reads a time; None if it has another form, or is not in the future.

    >>> ms_of("go-duration", "6m0s", 0), ms_of("seconds-or-date", "-5", 0)
    (360000, None)
    """
    ms = _read(form, text, now_ms)
    return min(ms, TIME_MAX_MS) if ms is not None and ms > 0 else None


def _read(form: str, text: str, now_ms: int) -> Optional[int]:
    if form == "rfc3339":
        return _from_now(_instant(text), now_ms)
    if form == "go-duration":
        return _go(text)
    if form == "seconds":
        return _ms(_nanos(text, 10**9))
    if form == "milliseconds":
        return _ms(_nanos(text, 10**6))
    if form == "unix":
        number = count(text.split(".", 1)[0])
        return None if number is None else (number * 1000 if number < _UNIX_MS_FROM else number) - now_ms
    nanos = _nanos(text, 10**9)
    return _ms(nanos) if nanos is not None else _from_now(_http_date(text), now_ms)


def _from_now(at_ms: Optional[int], now_ms: int) -> Optional[int]:
    return None if at_ms is None else at_ms - now_ms


def _ms(nanos: Optional[int]) -> Optional[int]:
    return None if nanos is None else -(-nanos // _NANOS)


def _nanos(text: str, unit: int) -> Optional[int]:
    """Reads a number without a sign. Decimals beyond the ninth are dropped."""
    found = _NUMBER.match(text) if text.isascii() and len(text) <= 64 else None
    if not found:
        return None
    decimals = (found[2] or "")[:9]
    return int(found[1]) * unit + (int(decimals) * unit // 10 ** len(decimals) if decimals else 0)


def _go(text: str) -> Optional[int]:
    at, total = 0, 0
    while at < len(text) or not text:
        found = _GO.match(text, at)
        nanos = None if found is None else _nanos(found[1], _GO_NANOS[found[2]])
        if found is None or nanos is None:
            return None
        total, at = total + nanos, found.end()
    return _ms(total)


def _instant(text: str) -> Optional[int]:
    """Reads an instant of RFC 3339: ms since 1970, rounded up."""
    found = _INSTANT.match(text)
    if not found:
        return None
    year, month, day, hour, minute, second = (int(found[part]) for part in range(1, 7))
    hours, minutes = int(found[10] or 0), int(found[11] or 0)
    if second > 60 or hours > 23 or minutes > 59:
        return None
    try:
        at = datetime(year, month, day, hour, minute, tzinfo=timezone.utc) - _EPOCH
    except ValueError:
        return None
    zone = (hours * 60 + minutes) * 60 * (-1 if found[9] == "-" else 1)
    fraction = _ms(_nanos(f"0.{found[7] or 0}"[:11], 10**9)) or 0
    seconds = at.days * 86_400 + at.seconds + second - zone
    return seconds * 1000 + fraction if seconds >= 0 else None


def _http_date(text: str) -> Optional[int]:
    try:
        at = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=timezone.utc)
    return (at - _EPOCH) // timedelta(milliseconds=1)
