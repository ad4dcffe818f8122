"""What providers say about their limits. `profiles.json` is made of the project's one file of facts, and has no sources.

A value of a header that is not understood, that is negative or an instant that has passed, is as if it was not there.
"""

from __future__ import annotations

import functools
import json
import time
from dataclasses import dataclass
from datetime import timedelta
from importlib import resources
from typing import Any, Collection, Mapping, NamedTuple, Optional, Union

from ..calls.keys import Left
from .structured import items
from .times import count, ms_of
from .usage import Usage, at

VALUE_MAX = 4096


class LeftOf(NamedTuple):
    """What is left of a limit, which may have any of these names in a policy."""

    names: tuple[str, ...]
    remaining: int
    reset_ms: Optional[int]
    of: Optional[int] = None
    """The whole limit, by the provider's count."""

    def left(self, remaining: int) -> Left:
        """Returns what a key is told: so much remains, of this limit and until its reset."""
        return Left(remaining, None if self.reset_ms is None else timedelta(milliseconds=self.reset_ms), self.of)


class Told(NamedTuple):
    """What headers say."""

    limits: list[LeftOf]
    hold_ms: Optional[int]


@dataclass(frozen=True)
class Profile:
    """How a provider counts, and what it says of it.

    >>> profile_of("openai").read({"retry-after": "2"}, 0).hold_ms
    2000
    """

    name: str
    facts: Mapping[str, Any]

    def read(self, headers: Mapping[str, str], now_ms: Optional[int] = None) -> Told:
        """Reads headers at a time, in ms since 1970."""
        now = int(time.time() * 1000) if now_ms is None else now_ms
        values = {name.lower(): value.strip() for name, value in headers.items() if len(value) <= VALUE_MAX}
        limits: list[LeftOf] = []
        if "structured" in self.facts:
            listed = items(values.get(self.facts["structured"]["header"], ""))
            limits += [LeftOf((item.name,), item.remaining, item.reset_ms) for item in listed]
        for limit in self.facts["limits"]:
            remaining = count(values.get(limit["remaining"], ""))
            if remaining is not None:
                reset = limit.get("reset")
                reset_ms = ms_of(reset["form"], values.get(reset["header"], ""), now) if reset else None
                of = count(values.get(limit.get("of", ""), ""))
                limits.append(LeftOf(tuple(limit["names"]), remaining, reset_ms, of))
        holds = (ms_of(retry["form"], values.get(retry["header"], ""), now) for retry in self.facts["retry"])
        return Told(limits, next((hold for hold in holds if hold is not None), None))

    def left(self, headers: Mapping[str, str], names: Collection[str], now_ms: Optional[int] = None) -> dict[str, Left]:
        """Returns what is left of the limits that a key has, by their names there."""
        found: dict[str, Left] = {}
        for limit in self.read(headers, now_ms).limits:
            name = next((name for name in limit.names if name in names), None)
            if name is not None:
                found[name] = limit.left(limit.remaining)
        return found

    def is_refusal(self, status: int, headers: Mapping[str, str]) -> bool:
        """Says whether a response refuses the request because of a limit or an overload. 529 is an overload everywhere."""
        if status not in self.facts["refused"]["statuses"]:
            return status == 529
        # 403 and 503 have other meanings, too: they refuse only if they say when to ask again.
        return status in (429, 529) or self.read(headers).hold_ms is not None

    @property
    def refused_counts(self) -> bool:
        """Whether a refused request counts. Where it is not known, it is taken to count."""
        return self.facts["refused"]["counts"] is not False

    def body_hold_ms(self, body: Any) -> Optional[int]:
        """Reads when to ask again from the body of a refusal."""
        where = self.facts.get("retry_body")
        if where is None:
            return None
        listed = at(body, where["list"])
        for part in listed if isinstance(listed, list) else ():
            if isinstance(part, dict) and part.get("@type") == where["type"]:
                return ms_of(where["form"], str(part.get(where["path"], "")), 0)
        return None

    def usage(self) -> Usage:
        return Usage(self.facts.get("usage", {}))


@functools.cache
def _profiles() -> dict[str, Profile]:
    text = resources.files(__name__).joinpath("profiles.json").read_text("utf-8")
    return {name: Profile(name, facts) for name, facts in json.loads(text).items()}


def profile_of(profile: Union[str, Profile]) -> Profile:
    """Returns the profile of this name."""
    if isinstance(profile, Profile):
        return profile
    if profile not in _profiles():
        raise ValueError("profile must be one of " + ", ".join(sorted(_profiles())))
    return _profiles()[profile]
