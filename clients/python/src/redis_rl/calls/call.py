"""A call: its words, its request over HTTP, and the readers of its answers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Callable, Generic, Mapping, Optional, TypeVar, Union

from ..durations import Duration, to_ms, word
from ..errors import Unavailable

T = TypeVar("T")
Key = Union[str, bytes]
Word = Union[str, bytes]
Cost = int
Costs = Mapping[str, int]
LANES = ("CRITICAL", "HIGH", "NORMAL", "LOW")
NORMAL = 2


@dataclass(frozen=True)
class Request:
    """A request to rl-coordinator."""

    method: str
    path: str
    body: Optional[dict[str, Any]] = None


@dataclass(frozen=True)
class Wait:
    """How long a request waits in line, and where: `wait`, `priority`, `flow` and `weight` of a call."""

    ms: int = 0
    lane: Optional[int] = None
    flow: Optional[str] = None
    weight: Optional[int] = None

    @classmethod
    def of(cls, wait: Optional[Duration], priority: Union[str, int, None], flow: Optional[str], weight: Optional[int]) -> Wait:
        ms = 0 if wait is None else to_ms(wait)
        if ms < 0:
            raise ValueError("wait must not be negative")
        if ms == 0:
            return NO_WAIT
        return cls(ms, None if priority is None else lane_of(priority), flow, weight)

    def words(self) -> list[str]:
        if not self.ms:
            return []
        words = ["WAIT", word(self.ms)]
        words += ["PRIORITY", LANES[self.lane]] if self.lane is not None else []
        words += ["FLOW", self.flow] if self.flow is not None else []
        return [*words, "WEIGHT", str(self.weight)] if self.flow is not None and self.weight is not None else words

    def body(self) -> dict[str, Any]:
        if not self.ms:
            return {}
        lane = {} if self.lane is None else {"priority": LANES[self.lane].lower()}
        flow = {} if self.flow is None else {"flow": self.flow}
        weight = {} if self.flow is None or self.weight is None else {"weight": self.weight}
        return {"wait": word(self.ms), **lane, **flow, **weight}


NO_WAIT = Wait()


def lane_of(priority: Union[str, int]) -> int:
    """Returns the lane's number: `critical` is 0, `low` is 3."""
    if isinstance(priority, int) and not isinstance(priority, bool) and 0 <= priority < len(LANES):
        return priority
    if isinstance(priority, str) and priority.upper() in LANES:
        return LANES.index(priority.upper())
    raise ValueError("priority must be critical, high, normal or low, or 0 to 3")


def integer(value: int, name: str) -> str:
    """Writes an integer. The server checks its bounds."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an integer")
    return str(value)


def cost_words(costs: Optional[Costs]) -> list[str]:
    return [part for unit, cost in (costs or {}).items() for part in ("COST", unit, integer(cost, "cost"))]


def key_text(key: Key) -> str:
    """Returns a key as rl-coordinator takes it, which is text."""
    return key if isinstance(key, str) else key.decode()


@dataclass(frozen=True)
class Call(Generic[T]):
    """What is asked. `words` begin with the command; `read` and `read_body` make the answer of a reply and of a body."""

    words: list[Word]
    read: Callable[[Any], T]
    request: Optional[Callable[[Wait], Request]] = None
    """Makes the request over HTTP for a wait. None if rl-coordinator does not offer the call."""
    read_body: Callable[[Any], T] = lambda body: _strange()
    key: Optional[Key] = None
    wait: Wait = NO_WAIT
    undecided: Optional[Callable[[bool], T]] = None
    """Makes the answer when the request cannot be decided: admitted or not. None for calls that ask for no admission."""
    everywhere: bool = False
    """In a cluster, the command goes to each primary."""
    absent: tuple[str, ...] = field(default=())
    """Codes of rl-coordinator that mean that there is nothing to answer about."""
    wait_at: int = 0
    """Where in `words` the words of the wait begin."""

    def waiting(self, ms: int) -> Call[T]:
        """Returns the call with another, shorter wait."""
        words = list(self.words)
        words[self.wait_at + 1] = word(ms)
        return replace(self, words=words, wait=replace(self.wait, ms=ms))

    def at_once(self) -> Call[T]:
        """Returns the call without its wait."""
        after = self.wait_at + len(self.wait.words())
        return replace(self, words=self.words[: self.wait_at] + self.words[after:], wait=NO_WAIT)


def _strange() -> Any:
    raise Unavailable("the answer is not understood", "strange")
