"""RL.PEEK, RL.REFUND, RL.HOLD, RL.SYNC, RL.INFO and RL.TOP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterable, Mapping, Optional, Union

from .. import bodies, replies
from ..answers import Amounts, Decision, Info, QuotaDecision, TopKey
from ..durations import Duration, to_ms, word
from .call import Call, Cost, Costs, Key, Request, Wait, Word, cost_words, integer, key_text


@dataclass(frozen=True)
class Left:
    """What is left of a limit by somebody else's count, when it begins anew, and what the limit is there.

    `remaining` below 0 is a debt: it comes back before anybody is admitted.

    >>> Left(-3, 30, of=60).words()
    ['REMAINING', '-3', 'OF', '60', 'RESET', '30000ms']
    """

    remaining: int
    reset: Optional[Duration] = None
    of: Optional[int] = None

    def words(self) -> list[Word]:
        reset: list[Word] = [] if self.reset is None else ["RESET", word(to_ms(self.reset))]
        of: list[Word] = [] if self.of is None else ["OF", integer(self.of, "of")]
        return ["REMAINING", integer(self.remaining, "remaining"), *of, *reset]

    def body(self) -> dict[str, Any]:
        reset = {} if self.reset is None else {"reset": _time(to_ms(self.reset))}
        of = {} if self.of is None else {"of": self.of}
        return {"remaining": self.remaining, **of, **reset}


def _time(ms: int) -> Union[str, int]:
    return word(ms) if ms else 0


def peek(key: Key, cost: Union[Cost, Costs, None] = None) -> Call[Union[Decision, QuotaDecision, None]]:
    """Whether a request of this cost would be admitted now. Changes nothing. None if there is no key."""
    costs = cost if isinstance(cost, Mapping) else None
    one = cost if isinstance(cost, int) and cost != 1 else None
    words: list[Word] = ["RL.PEEK", key, *cost_words(costs)]
    words += [] if one is None else ["COST", integer(one, "cost")]

    def request(_: Wait) -> Request:
        more = {"cost": dict(costs)} if costs else {} if one is None else {"cost": one}
        return Request("POST", "/v1/peek", {"key": key_text(key), **more})

    return Call(words, replies.peek, request, bodies.peek, key, absent=("no_such_key",))


def refund(key: Key, cost: int) -> Call[int]:
    """Gives `cost` back. Answers what remains."""

    def request(_: Wait) -> Request:
        return Request("POST", "/v1/refund", {"key": key_text(key), "cost": cost})

    return Call(["RL.REFUND", key, integer(cost, "cost")], replies.number, request, bodies.remaining, key)


def hold(key: Key, duration: Duration, limits: Iterable[str] = ()) -> Call[int]:
    """Admits nobody for `duration`; 0 lifts the hold. Answers the ms until the hold ends."""
    names, ms = list(limits), to_ms(duration)
    words: list[Word] = ["RL.HOLD", key, word(ms)]
    words += [each for name in names for each in ("LIMIT", name)]

    def request(_: Wait) -> Request:
        more = {"limits": names} if names else {}
        return Request("POST", "/v1/hold", {"key": key_text(key), "duration": _time(ms), **more})

    return Call(words, replies.number, request, bodies.hold, key)


def sync(key: Key, left: Union[Left, Mapping[str, Left]], age: Optional[Duration] = None) -> Call[Amounts]:
    """Tells how much is left by somebody else's count. Answers how much is used elsewhere.

    `age` is how long ago the request was sent whose response said so.
    """
    words: list[Word] = ["RL.SYNC", key]
    if isinstance(left, Left):
        words += left.words()
        body: dict[str, Any] = left.body()
    else:
        words += [each for name, one in left.items() for each in ("LIMIT", name, *one.words())]
        body = {"limits": {name: one.body() for name, one in left.items()}}
    if age is not None:
        words += ["AGE", word(to_ms(age))]
        body["age"] = _time(to_ms(age))

    def request(_: Wait) -> Request:
        return Request("POST", "/v1/sync", {"key": key_text(key), **body})

    return Call(words, replies.amounts, request, bodies.used_elsewhere, key)


def info(key: Key) -> Call[Optional[Info]]:
    """Everything about a key. None if there is no key."""
    return Call(["RL.INFO", key], replies.info, key=key)


def top(by: Optional[str] = None, count: Optional[int] = None) -> Call[list[TopKey]]:
    """The keys that were denied, admitted or held most. In a cluster, one primary answers for itself."""
    if by is not None and by.lower() not in ("denied", "admitted", "held"):
        raise ValueError("by must be denied, admitted or held")
    words: list[Word] = ["RL.TOP", *([] if by is None else [by.upper()])]
    words += [] if count is None else ["COUNT", integer(count, "count")]
    return Call(words, replies.top)


def top_reset() -> Call[None]:
    """Begins the counts of RL.TOP anew."""
    return Call(["RL.TOP", "RESET"], replies.nothing, everywhere=True)
