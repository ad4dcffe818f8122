"""RL.SETTLE, RL.CANCEL and RL.RENEW."""

from __future__ import annotations

from typing import Any, Optional

from .. import bodies, replies
from ..durations import Duration, to_ms, word
from .call import Call, Costs, Key, Request, Wait, Word, cost_words, key_text


def _call(words: list[Word], path: str, key: Key, id: str, more: dict[str, Any]) -> Call[bool]:
    def request(_: Wait) -> Request:
        return Request("POST", path, {"key": key_text(key), "id": id, **more})

    return Call(words, replies.done, request, bodies.done, key)


def settle(key: Key, id: str, cost: Optional[Costs] = None) -> Call[bool]:
    """Reports the real use of each unit that is named; the others stay as reserved."""
    return _call(["RL.SETTLE", key, id, *cost_words(cost)], "/v1/settle", key, id, {"cost": dict(cost)} if cost else {})


def cancel(key: Key, id: str) -> Call[bool]:
    """Gives everything back."""
    return _call(["RL.CANCEL", key, id], "/v1/cancel", key, id, {})


def renew(key: Key, id: str, ttl: Duration) -> Call[bool]:
    """Makes the reservation last for `ttl` from now on."""
    period = word(to_ms(ttl))
    return _call(["RL.RENEW", key, id, period], "/v1/renew", key, id, {"ttl": period})
