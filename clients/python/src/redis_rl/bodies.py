"""Readers of the bodies of rl-coordinator."""

from __future__ import annotations

from typing import Any, Optional

from .answers import Amounts, Decision, FirstDecision, LimitState, QuotaDecision
from .durations import from_ms, retry_from_ms
from .limits import Limit
from .replies import with_index


def decision(body: Any) -> Decision:
    retry, reset = retry_from_ms(body["retry_after_ms"]), from_ms(body["reset_after_ms"])
    return Decision(body["allowed"], body["limit"], body["remaining"], retry, reset)


def quota(body: Any) -> QuotaDecision:
    limits = {
        row["name"]: LimitState(row["limit"], row["remaining"], retry_from_ms(row["retry_after_ms"]), from_ms(row["reset_after_ms"]))
        for row in body["limits"]
    }
    return QuotaDecision(body["allowed"], retry_from_ms(body["retry_after_ms"]), tuple(body["blocking"]), limits, body.get("reservation"))


def first(body: Any) -> FirstDecision:
    return with_index(quota(body), body["index"])


def peek(body: Any) -> Decision | QuotaDecision | None:
    if body is None:
        return None
    return quota(body) if "blocking" in body else decision(body)


def done(body: Any) -> bool:
    return bool(body["done"])


def remaining(body: Any) -> int:
    return int(body["remaining"])


def hold(body: Any) -> int:
    return int(body["hold_ms"])


def used_elsewhere(body: Any) -> Amounts:
    found: Amounts = body["used_elsewhere"]
    return found


def names(body: Any) -> list[str]:
    return list(body["policies"])


def overrides(body: Any) -> Optional[list[bytes]]:
    return None if body is None else [str(key).encode() for key in body["overrides"]]


def nothing(body: Any) -> None:
    return None


def limit(fields: Any) -> Limit:
    if "inflight" in fields:
        return Limit(fields["name"], fields["inflight"], algorithm="inflight", shadow=fields.get("shadow", False))
    return Limit(
        fields["name"],
        fields["limit"],
        fields["window"],
        fields.get("unit", "requests"),
        fields.get("algorithm", "slide"),
        fields.get("capacity"),
        fields.get("offset", 0),
        fields.get("shadow", False),
    )


def policy(body: Any) -> Optional[list[Limit]]:
    return None if body is None else [limit(each) for each in body["limits"]]
