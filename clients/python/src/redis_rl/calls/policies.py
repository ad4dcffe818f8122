"""RL.POLICY. In a cluster, changes go to each primary."""

from __future__ import annotations

from typing import Iterable, Optional
from urllib.parse import quote

from .. import bodies, replies
from ..limits import Limit
from .call import Call, Request


def _path(name: str) -> str:
    return "/v1/policies/" + quote(name, safe=":")


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
