"""RL.QUOTA and RL.MQUOTA."""

from __future__ import annotations

from typing import Any, Callable, Iterable, Mapping, Optional

from .. import bodies, replies
from ..answers import QuotaDecision
from ..durations import Duration, to_ms, word
from ..limits import Limit
from .call import NO_WAIT, Call, Costs, Key, Request, Wait, Word, cost_words, key_text


def _call(
    words: list[Word],
    body: dict[str, Any],
    path: str,
    key: Key,
    cost: Optional[Costs],
    reserve: Optional[Duration],
    id: Optional[str],
    wait: Wait,
    short: bool,
) -> Call[QuotaDecision]:
    words += cost_words(cost)
    if cost:
        body["cost"] = dict(cost)
    if reserve is not None:
        body["reserve"] = word(to_ms(reserve))
        words += ["RESERVE", body["reserve"]]
        if id is not None:
            body["id"] = id
            words += ["ID", id]
    elif id is not None:
        raise ValueError("an id is for a reservation, so it needs reserve")
    wait_at = len(words)
    words += wait.words()
    words += ["REPLY", "SHORT"] if short else []

    def request(wait: Wait) -> Request:
        return Request("POST", path, {**body, **wait.body(), "on_error": "deny"})

    read: Callable[[Any], QuotaDecision] = replies.short if short else replies.quota
    offered = request if wait.flow is None else None
    return Call(words, read, offered, bodies.quota, key, wait, replies.undecided_quota, wait_at=wait_at)


def quota(
    key: Key,
    policy: Optional[str] = None,
    limits: Iterable[Limit] = (),
    cost: Optional[Costs] = None,
    reserve: Optional[Duration] = None,
    id: Optional[str] = None,
    wait: Wait = NO_WAIT,
    short: bool = False,
) -> Call[QuotaDecision]:
    """Many limits under one key, all or nothing.

    >>> quota("q", "chat", cost={"tokens": 500}).words
    ['RL.QUOTA', 'q', 'POLICY', 'chat', 'COST', 'tokens', '500']
    """
    limits = list(limits)
    if (policy is None) == (not limits):
        raise ValueError("a quota has a policy, or limits")
    words: list[Word] = ["RL.QUOTA", key]
    body: dict[str, Any] = {"key": key_text(key)}
    if policy is not None:
        words += ["POLICY", policy]
        body["policy"] = policy
    else:
        words += [each for limit in limits for each in limit.words()]
        body["limits"] = [limit.body() for limit in limits]
    return _call(words, body, "/v1/quota", key, cost, reserve, id, wait, short)


def mquota(
    keys: Mapping[Key, str],
    cost: Optional[Costs] = None,
    reserve: Optional[Duration] = None,
    id: Optional[str] = None,
    wait: Wait = NO_WAIT,
    short: bool = False,
) -> Call[QuotaDecision]:
    """Several keys, each by its policy: all of them admit, or nothing is counted."""
    if not keys:
        raise ValueError("keys must name a key and its policy")
    words: list[Word] = ["RL.MQUOTA", str(len(keys)), *keys, "POLICY", *keys.values()]
    body: dict[str, Any] = {"keys": [{"key": key_text(key), "policy": policy} for key, policy in keys.items()]}
    return _call(words, body, "/v1/mquota", next(iter(keys)), cost, reserve, id, wait, short)
