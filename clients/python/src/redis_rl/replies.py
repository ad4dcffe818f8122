"""Readers of replies: RESP2 and RESP3 to answers. `bodies.py` reads the same from rl-coordinator."""

from __future__ import annotations

from typing import Any, Callable, Mapping, Optional

from .answers import Amounts, Decision, FirstDecision, Info, LimitState, QuotaDecision, TopKey
from .durations import from_ms, retry_from_ms
from .limits import Limit

UNDECIDED_RETRY_MS = 1000
"""When to ask again after a request that could not be decided, and that `fail="closed"` denies."""


def text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def mapping(reply: Any) -> dict[str, Any]:
    """Reads a map: in RESP2 it is a flat list."""
    pairs = reply.items() if isinstance(reply, dict) else zip(reply[::2], reply[1::2])
    return {text(name): value for name, value in pairs}


def decision(reply: Any) -> Decision:
    allowed, limit, remaining, retry, reset = reply
    return Decision(allowed == 1, limit, remaining, retry_from_ms(retry), from_ms(reset))


def undecided(allowed: bool) -> Decision:
    return Decision(allowed, 0, 0, from_ms(0 if allowed else UNDECIDED_RETRY_MS), from_ms(0), True)


def states(rows: Any) -> dict[str, LimitState]:
    return {text(row[0]): LimitState(row[1], row[2], retry_from_ms(row[3]), from_ms(row[4])) for row in rows}


def _id(reply: Any, at: int) -> Optional[str]:
    return text(reply[at]) if len(reply) > at and reply[at] is not None else None


def quota(reply: Any) -> QuotaDecision:
    blocking = tuple(text(name) for name in reply[2])
    return QuotaDecision(reply[0] == 1, retry_from_ms(reply[1]), blocking, states(reply[3]), _id(reply, 4))


def short(reply: Any) -> QuotaDecision:
    return QuotaDecision(reply[0] == 1, retry_from_ms(reply[1]), id=_id(reply, 2))


def first(reply: Any) -> FirstDecision:
    """Reads the reply of RL.FIRST: that of a quota, and the index."""
    return with_index(quota(reply[:-1]), reply[-1])


def short_first(reply: Any) -> FirstDecision:
    return with_index(short(reply[:-1]), reply[-1])


def with_index(decision: QuotaDecision, index: int) -> FirstDecision:
    """Adds the index of the key that admits."""
    of = decision
    return FirstDecision(of.allowed, of.retry_after, of.blocking, of.limits, of.id, of.degraded, int(index))


def undecided_first(allowed: bool) -> FirstDecision:
    return with_index(undecided_quota(allowed), 0 if allowed else -1)


def undecided_quota(allowed: bool) -> QuotaDecision:
    return QuotaDecision(allowed, from_ms(0 if allowed else UNDECIDED_RETRY_MS), degraded=True)


def peek(reply: Any) -> Decision | QuotaDecision | None:
    if reply is None:
        return None
    return decision(reply) if len(reply) == 5 and isinstance(reply[2], int) else quota(reply)


def done(reply: Any) -> bool:
    return int(reply) == 1


def number(reply: Any) -> int:
    return int(reply)


def nothing(reply: Any) -> None:
    return None


def amounts(reply: Any) -> Amounts:
    return reply if isinstance(reply, int) else mapping(reply)


def names(reply: Any) -> list[str]:
    return [text(name) for name in reply]


def keys(reply: Any) -> Optional[list[bytes]]:
    return None if reply is None else [key if isinstance(key, bytes) else str(key).encode() for key in reply]


def top(reply: Any) -> list[TopKey]:
    return [TopKey(key if isinstance(key, bytes) else str(key).encode(), count, error) for key, count, error in reply]


def limit(fields: Mapping[str, Any]) -> Limit:
    """Reads a limit of RL.POLICY GET."""
    name, algorithm = text(fields["name"]), text(fields["algorithm"])
    shadow = bool(fields.get("shadow", 0))
    if algorithm == "inflight":
        return Limit(name, fields["limit"], algorithm=algorithm, shadow=shadow)
    unit = text(fields["unit"])
    if algorithm == "bucket":
        return Limit(name, int(text(fields["refill"])), from_ms(fields["period_ms"]), unit, algorithm, fields["capacity"], shadow=shadow)
    window = fields["window_ms"] if isinstance(fields["window_ms"], int) else text(fields["window_ms"])
    offset = from_ms(fields.get("offset_ms", 0))
    return Limit(name, fields["limit"], from_ms(window) if isinstance(window, int) else window, unit, algorithm, None, offset or 0, shadow)


def policy(reply: Any) -> Optional[list[Limit]]:
    return None if reply is None else [limit(mapping(each)) for each in reply]


def info(reply: Any) -> Optional[Info]:
    if reply is None:
        return None
    fields = mapping(reply)
    many = text(fields["algorithm"]) == "quota"

    def each(name: str, read: Callable[[Any], Any] = lambda value: value) -> Any:
        value = fields[name]
        return {limit: read(one) for limit, one in mapping(value).items()} if many else read(value)

    head = fields["head_wait_ms"]
    return Info(
        algorithm=text(fields["algorithm"]),
        policy=None if fields.get("policy") is None else text(fields["policy"]),
        parameters=each("parameters", _parameters),
        used=each("used"),
        remaining=each("remaining"),
        held=each("held_ms", from_ms),
        used_elsewhere=each("used_elsewhere"),
        elsewhere=each("elsewhere_ms", from_ms),
        waiting=mapping(fields["waiting"]),
        head_wait=None if head is None else from_ms(head),
        reservations=fields["reservations"],
        bytes=fields["bytes"],
    )


def _parameters(reply: Any) -> dict[str, Any]:
    return {name: text(value) if isinstance(value, bytes) else value for name, value in mapping(reply).items()}
