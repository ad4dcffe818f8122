"""What a call is charged: before it by an estimate, after it by what was used. The rules are those of the provider's profile. Pure."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Iterable, Mapping, Optional

from ..limits import Limit
from ..profiles import Profile
from .asked import Asked

KINDS = {
    "input-tokens": ("input-tokens", "input", "itpm"),
    "output-tokens": ("output-tokens", "output", "otpm"),
    "tokens": ("tokens", "tpm"),
}
DEFAULT_MOST = 4096
"""The most output of a request that does not bound it."""
SAMPLES = 200


class Typical:
    """A running 99th percentile of what calls really used. It begins with `first`.

    >>> typical = Typical(500)
    >>> typical.share(4096), typical.share(100)
    (500, 100)
    """

    def __init__(self, first: int) -> None:
        self._used = [first]
        self._value = first

    def share(self, most: int) -> int:
        return min(most, self._value)

    def add(self, used: int) -> None:
        self._used = [*self._used[1 - SAMPLES :], used]
        self._value = sorted(self._used)[int(0.99 * len(self._used))]


@dataclass
class Plan:
    """The units that a policy counts, by what they are. `limits` is None if the policy could not be read."""

    profile: Profile
    limits: Optional[Iterable[Limit]] = None
    read_at: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._kinds: dict[str, str] = {}
        if self.limits is None:
            self._kinds = {"input": "input-tokens", "output": "output-tokens", "tokens": "tokens"}
            return
        self.limits = list(self.limits)
        for limit in self.limits:
            for kind, names in KINDS.items():
                if limit.unit in names or (limit.name in names and limit.unit != "requests"):
                    self._kinds.setdefault(limit.unit, kind)

    @property
    def charged(self) -> str:
        return str((self.profile.facts.get("output") or {}).get("charged") or "")

    @property
    def settles(self) -> bool:
        """Whether the provider corrects its charge by what was used. Where it is not known, it is taken to."""
        return not self.charged.startswith(("larger of", "max_tokens as estimated"))

    def reserved(self, asked: Asked, typical: Typical) -> dict[str, int]:
        """Returns the costs of a request."""
        most = 0 if not asked.bears_output else DEFAULT_MOST if asked.most is None else asked.most
        output = most if self.charged.startswith(("reserved as max_tokens", "max_tokens as")) else typical.share(most)
        fresh = max(1, asked.input - asked.cached) if "excluded" in self.profile.facts.get("usage", {}) else asked.input
        total = max(asked.input, most) if self.charged.startswith("larger of") else fresh + output
        return self._by_unit({"input-tokens": fresh, "output-tokens": output, "tokens": total})

    def used(self, units: Mapping[str, int]) -> dict[str, int]:
        """Returns the costs of what was used. Units of which the response said nothing stay as they were reserved."""
        return self._by_unit(units) if self.settles else {}

    def _by_unit(self, units: Mapping[str, int]) -> dict[str, int]:
        return {unit: units[kind] for unit, kind in self._kinds.items() if kind in units}
