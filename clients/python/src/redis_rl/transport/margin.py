"""What a provider's headers make of the limits here, with a margin. Pure.

Between two responses others may use the provider's limit. So a share of it is left to the provider. If less than this share remains, the
difference is a debt: it comes back before anybody is admitted.
"""

from __future__ import annotations

from math import floor
from typing import Mapping, Optional

from ..calls.keys import Left
from ..limits import Limit
from ..profiles import Told

MARGIN = 0.03
MARGIN_OF_BUCKET = 0.05


def left_of(told: Told, limits: Mapping[str, Limit], margin: Optional[float] = None) -> dict[str, Left]:
    """Returns what a key with these limits is told. Without `margin`, it is 3 % of a limit, and 5 % where the limit here is a bucket.

    A margin is at most a quarter of what a bucket holds, so that a provider whose bucket is as small always has room for it.

    >>> from redis_rl.profiles import LeftOf
    >>> told = Told([LeftOf(("rpm",), 20, None, 1000)], None)
    >>> left_of(told, {"rpm": Limit("rpm", 1000, 60)})
    {'rpm': Left(remaining=-10, reset=None, of=1000)}
    >>> left_of(told, {"rpm": Limit("rpm", 1000, 60, algorithm="bucket", capacity=100)})
    {'rpm': Left(remaining=-5, reset=None, of=1000)}
    """
    found: dict[str, Left] = {}
    for each in told.limits:
        name = next((name for name in each.names if name in limits and limits[name].window is not None), None)
        if name is None:
            continue
        limit = limits[name]
        share = margin if margin is not None else MARGIN_OF_BUCKET if limit.algorithm == "bucket" else MARGIN
        reserve = share * (each.of or limit.limit)
        if limit.capacity is not None:
            reserve = min(reserve, limit.capacity / 4)
        found[name] = each.left(floor(each.remaining - reserve))
    return found
