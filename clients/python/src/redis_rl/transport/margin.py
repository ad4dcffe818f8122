"""What a provider's headers make of the limits here, with a margin. Pure.

Between two responses others may use the provider's limit. So a share of it is left to the provider: a limit that has less than this
share is held until it has it again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Mapping

from ..calls.keys import Left
from ..durations import to_ms
from ..limits import Limit
from ..profiles import Told

DEFAULT_WINDOW_MS = 60_000
MONTH_MS = 31 * 86_400_000


@dataclass
class Word:
    """What a key is told: what is left, and how long limits are held that are low, in seconds."""

    left: dict[str, Left] = field(default_factory=dict)
    low: dict[str, float] = field(default_factory=dict)

    def after_the_hold(self) -> dict[str, Left]:
        """Returns what is told when the hold ends: what came back meanwhile is the margin, and no more."""
        return {name: Left(0, self.left[name].reset) for name in self.low}


def word_of(told: Told, limits: Mapping[str, Limit], margin: float, retry_ms: int) -> Word:
    """Returns what a key with these limits is told.

    >>> from redis_rl.profiles import LeftOf
    >>> told = Told([LeftOf(("rpm",), 20, None, 1000)], None)
    >>> word_of(told, {"rpm": Limit("rpm", 1000, 60)}, 0.03, 0)
    Word(left={'rpm': Left(remaining=0, reset=None)}, low={'rpm': 0.6})
    """
    word = Word()
    for each in told.limits:
        name = next((name for name in each.names if name in limits and limits[name].window is not None), None)
        if name is None:
            continue
        whole = each.of or limits[name].limit
        reserve = whole * margin
        reset = None if each.reset_ms is None else timedelta(milliseconds=each.reset_ms)
        word.left[name] = Left(max(0, int(each.remaining - reserve)), reset)
        short = reserve - each.remaining
        if short > 0 and whole:
            word.low[name] = round(max(retry_ms, short * _window_ms(limits[name]) / whole) / 1000, 3)
    return word


def _window_ms(limit: Limit) -> int:
    if limit.window is None:
        return DEFAULT_WINDOW_MS
    return MONTH_MS if limit.window == "1mo" else to_ms(limit.window)
