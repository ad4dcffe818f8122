"""RL.POLICY. In a cluster, changes go to each primary."""

from __future__ import annotations

from typing import Iterable, Optional
from urllib.parse import quote

from .. import bodies, replies
from ..limits import Limit
from .call import Call, Key, Request, Word, key_text


def _path(name: str) -> str:
    return "/v1/policies/" + quote(name, safe=":")


def _override(name: str, key: Key) -> str:
    return f"{_path(name)}/overrides/{quote(key_text(key), safe=':')}"


def policies() -> Call[list[str]]:
    """The names of the policies."""
    return Call(["RL.POLICY", "LIST"], replies.names, lambda _: Request("GET", "/v1/policies"), bodies.names)


def policy_get(name: str) -> Call[Optional[list[Limit]]]:
    """The limits of a policy; None if there is none of this name."""
    request = Request("GET", _path(name))
    return Call(["RL.POLICY", "GET", name], replies.policy, lambda _: request, bodies.policy, absent=("no_such_policy",))


def policy_set(name: str, limits: Iterable[Limit]) -> Call[None]:
    """Sets the limits of a policy, at once for all callers."""
    limits = list(limits)
    words = [each for limit in limits for each in limit.words()]
    request = Request("PUT", _path(name), {"limits": [limit.body() for limit in limits]})
    return Call(["RL.POLICY", "SET", name, *words], replies.nothing, lambda _: request, bodies.nothing, everywhere=True)


def policy_delete(name: str) -> Call[bool]:
    """Deletes a policy; false if there was none of this name."""
    request = Request("DELETE", _path(name))
    return Call(["RL.POLICY", "DEL", name], replies.done, lambda _: request, bodies.done, everywhere=True)


def overrides(name: str) -> Call[Optional[list[bytes]]]:
    """The keys that have limits of their own under a policy; None if there is no such policy."""
    request = Request("GET", f"{_path(name)}/overrides")
    words: list[Word] = ["RL.POLICY", "OVERRIDES", name]
    return Call(words, replies.keys, lambda _: request, bodies.overrides, absent=("no_such_policy",))


def override_get(name: str, key: Key) -> Call[Optional[list[Limit]]]:
    """The limits of one key under a policy; None if it has none of its own."""
    request = Request("GET", _override(name, key))
    words: list[Word] = ["RL.POLICY", "OVERRIDES", name, "KEY", key]
    return Call(words, replies.policy, lambda _: request, bodies.policy, absent=("no_such_override", "no_such_policy"))


def override_set(name: str, key: Key, limits: Iterable[Limit]) -> Call[None]:
    """Gives one key limits of its own under a policy."""
    limits = list(limits)
    words: list[Word] = ["RL.POLICY", "OVERRIDE", name, key, *(each for limit in limits for each in limit.words())]
    request = Request("PUT", _override(name, key), {"limits": [limit.body() for limit in limits]})
    return Call(words, replies.nothing, lambda _: request, bodies.nothing, everywhere=True)


def override_delete(name: str, key: Key) -> Call[None]:
    """Takes the limits of one key away, if it has any: those of the policy hold again."""
    request = Request("DELETE", _override(name, key))
    words: list[Word] = ["RL.POLICY", "OVERRIDE", name, key, "NONE"]
    return Call(words, replies.nothing, lambda _: request, bodies.nothing, everywhere=True)
