"""What is answered when a request cannot be decided, and how often that was."""

from __future__ import annotations

from collections import Counter
from typing import Literal, TypeVar

from .calls import Call
from .errors import Unavailable

T = TypeVar("T")
Fail = Literal["open", "closed"]


class Failures:
    """The caller's choice, and counts by cause."""

    def __init__(self, fail: Fail) -> None:
        if fail not in ("open", "closed"):
            raise ValueError('fail must be "open" or "closed"')
        self.fail = fail
        self.counts: Counter[str] = Counter()

    def answer(self, call: Call[T], error: Unavailable) -> T:
        """Counts a failure. Answers a request for admission as the caller chose, and raises for other calls."""
        self.counts[error.cause] += 1
        if call.undecided is None:
            raise error
        return call.undecided(self.fail == "open")
