"""RL.QUOTA, RL.MQUOTA and RL.FIRST."""

from __future__ import annotations

from typing import Any, Callable, Iterable, Mapping, Optional, TypeVar

from .. import bodies, replies
from ..answers import FirstDecision, QuotaDecision
from ..durations import Duration, to_ms, word
from ..limits import Limit
from .call import NO_WAIT, Call, Costs, Key, Request, Wait, Word, cost_words, key_text

D = TypeVar("D", bound=QuotaDecision)
Readers = tuple[Callable[[Any], D], Callable[[Any], D], Callable[[bool], D]]
"""Make the decision of a reply, of a body, and without an answer."""


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
    readers: Readers[D],
) -> Call[D]:
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

    read, read_body, undecided = readers
    return Call(words, read, request, read_body, key, wait, undecided, wait_at=wait_at)


def _quota_readers(short: bool) -> Readers[QuotaDecision]:
    return (replies.short if short else replies.quota), bodies.quota, replies.undecided_quota


def _of_keys(name: str, keys: Mapping[Key, str]) -> tuple[list[Word], dict[str, Any]]:
    """Writes several keys and the policy of each."""
    if not keys:
        raise ValueError("keys must name a key and its policy")
    words: list[Word] = [name, str(len(keys)), *keys, "POLICY", *keys.values()]
    return words, {"keys": [{"key": key_text(key), "policy": policy} for key, policy in keys.items()]}


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
    return _call(words, body, "/v1/quota", key, cost, reserve, id, wait, short, _quota_readers(short))


def mquota(
    keys: Mapping[Key, str],
    cost: Optional[Costs] = None,
    reserve: Optional[Duration] = None,
    id: Optional[str] = None,
    wait: Wait = NO_WAIT,
    short: bool = False,
) -> Call[QuotaDecision]:
    """Several keys, each by its policy: all of them admit, or nothing is counted."""
    words, body = _of_keys("RL.MQUOTA", keys)
    return _call(words, body, "/v1/mquota", next(iter(keys)), cost, reserve, id, wait, short, _quota_readers(short))


def first(
    keys: Mapping[Key, str],
    cost: Optional[Costs] = None,
    reserve: Optional[Duration] = None,
    id: Optional[str] = None,
    wait: Wait = NO_WAIT,
    short: bool = False,
) -> Call[FirstDecision]:
    """Several keys, each by its policy: the first that admits is charged.

    >>> first({"opus": "opus", "haiku": "haiku"}).words
    ['RL.FIRST', '2', 'opus', 'haiku', 'POLICY', 'opus', 'haiku']
    """
    words, body = _of_keys("RL.FIRST", keys)
    readers = (replies.short_first if short else replies.first), bodies.first, replies.undecided_first
    return _call(words, body, "/v1/first", next(iter(keys)), cost, reserve, id, wait, short, readers)
