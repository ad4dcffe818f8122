"""The header field `RateLimit` of draft-ietf-httpapi-ratelimit-headers: `"rpm";r=999;t=60, "tpm";r=79500;t=60`.

Only what the field needs is read. An item without `r` is left out, and so is all that follows something that is no list.
"""

from __future__ import annotations

import re
from typing import NamedTuple, Optional

from .times import count, ms_of

LIMITS_MAX = 64
_NAME = re.compile(r'"((?:[^"\\]|\\["\\])*)"|([^;, "]*)')
_PARAMETER = re.compile(r' *; *([^=;, ]*)(?:=(?:"((?:[^"\\]|\\["\\])*)"|([^;, "]*)))?')
_BETWEEN = re.compile(r" *, *")


class Item(NamedTuple):
    name: str
    remaining: int
    reset_ms: Optional[int]


def items(text: str) -> list[Item]:
    """Reads the limits of the field.

    >>> items('"rpm";r=999;t=60')
    [Item(name='rpm', remaining=999, reset_ms=60000)]
    """
    found: list[Item] = []
    at, text = 0, text.strip()
    while len(found) < LIMITS_MAX:
        name = _NAME.match(text, at)
        if not name or (not name[0] and at >= len(text)) or text[name.end() : name.end() + 1] == '"':
            break
        at, remaining, reset = name.end(), None, None
        while parameter := _PARAMETER.match(text, at):
            value = parameter[3] or ""
            if parameter[1] == "r":
                remaining = count(value)
            elif parameter[1] == "t":
                reset = ms_of("seconds", value, 0)
            at = parameter.end()
        title = re.sub(r"\\(.)", r"\1", name[1]) if name[1] is not None else name[2]
        if remaining is not None and title:
            found.append(Item(title, remaining, reset))
        between = _BETWEEN.match(text, at)
        if not between:
            break
        at = between.end()
    return found
