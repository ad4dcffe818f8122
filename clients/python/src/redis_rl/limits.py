"""A limit of a quota or a policy, and how it is written in commands and bodies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional

from .durations import Duration, to_ms, window_word, word


@dataclass(frozen=True)
class Limit:
    """A limit that counts one unit.

    >>> Limit("rpm", 1000, 60)
    Limit('rpm', 1000, 60)
    >>> Limit("tpm", 80_000, "1m", unit="tokens", algorithm="bucket", capacity=20_000).words()
    ['LIMIT', 'tpm', '80000', '60000ms', 'UNIT', 'tokens', 'BUCKET', '20000']
    >>> Limit("calls", 20, algorithm="inflight").words()
    ['LIMIT', 'calls', '20', 'INFLIGHT']
    """

    name: str
    limit: int
    window: Optional[Duration] = None
    unit: str = "requests"
    algorithm: str = "slide"
    """`slide`, `window`, `bucket`, or `inflight`, which takes no window."""
    capacity: Optional[int] = None
    """The tokens of a full bucket; `limit` is what it gains in each window."""
    offset: Duration = 0
    shadow: bool = False
    """Counts, but denies nobody."""

    def __post_init__(self) -> None:
        if self.algorithm not in ("slide", "window", "bucket", "inflight"):
            raise ValueError("algorithm must be slide, window, bucket or inflight")
        if (self.window is None) != (self.algorithm == "inflight"):
            raise ValueError("each limit has a window, except inflight, which has none")
        if (self.capacity is None) == (self.algorithm == "bucket"):
            raise ValueError("a bucket has a capacity, and no other algorithm has one")

    def __repr__(self) -> str:
        parts = [repr(self.name), repr(self.limit)]
        parts += [repr(self.window)] if self.window is not None else []
        for name, default in (("unit", "requests"), ("algorithm", "slide"), ("capacity", None), ("offset", 0), ("shadow", False)):
            value = getattr(self, name)
            parts += [f"{name}={value!r}"] if value != default else []
        return f"Limit({', '.join(parts)})"

    def words(self) -> list[str]:
        """Writes the limit as a command takes it."""
        words = ["LIMIT", self.name, str(self.limit)]
        if self.window is None:
            words.append("INFLIGHT")
        else:
            words.append(window_word(self.window))
            words += ["UNIT", self.unit] if self.unit != "requests" else []
            if self.algorithm == "window":
                words.append("WINDOW")
                words += ["OFFSET", word(to_ms(self.offset))] if to_ms(self.offset) else []
            elif self.algorithm == "bucket":
                words += ["BUCKET", str(self.capacity)]
        return [*words, "SHADOW"] if self.shadow else words

    def body(self) -> dict[str, Any]:
        """Writes the limit as a body for rl-coordinator."""
        shadow = {"shadow": True} if self.shadow else {}
        if self.window is None:
            return {"name": self.name, "inflight": self.limit, **shadow}
        body: dict[str, Any] = {"name": self.name, "limit": self.limit, "window": window_word(self.window)}
        body |= {"unit": self.unit} if self.unit != "requests" else {}
        body |= {"algorithm": self.algorithm} if self.algorithm != "slide" else {}
        body |= {"capacity": self.capacity} if self.capacity is not None else {}
        body |= {"offset": word(to_ms(self.offset))} if to_ms(self.offset) else {}
        return body | shadow
