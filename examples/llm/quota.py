"""One key that all workers share: stand in line for a call, settle it, and pass on what the provider said."""

import math
import time
import uuid
from typing import NamedTuple

from redis.asyncio import Redis


def seconds(value):
    return f"{max(value, 0.001):.3f}"


class Call(NamedTuple):
    """A reservation, and when its request was sent. Responses overtake each other, and what an old one says is no longer so."""

    id: str
    sent: float


class Quota:
    """The limits of a policy, under one key. The limits are named after the units that they count.

    `margin` is the share of each limit that is left to the provider. It covers what changes there before its word reaches Redis.
    """

    def __init__(self, redis: Redis, policy, key=None, wait=60, lease=300, margin=0.03):
        self.redis, self.policy, self.key = redis, policy, key or policy
        self.wait, self.lease, self.margin = wait, lease, margin
        self.most = {}  # what each limit admits at once

    async def reserve(self, costs, priority="NORMAL"):
        """Stands in line for `costs` {unit: n}, at most `wait` seconds. Returns the reservation."""
        _, call = await self.reserve_first([self], costs, priority)
        return call

    @staticmethod
    async def reserve_first(quotas, costs, priority="NORMAL"):
        """Stands in the lines of all `quotas`, and reserves at the first of them that has room. Returns it and the reservation."""
        first, name = quotas[0], uuid.uuid4().hex
        words = [len(quotas), *(quota.key for quota in quotas), "POLICY", *(quota.policy for quota in quotas)]
        words += [word for unit, cost in costs.items() for word in ("COST", unit, cost)]
        words += ["RESERVE", first.lease, "ID", name, "WAIT", first.wait, "PRIORITY", priority]
        allowed, retry_ms, blocking, rows, _, index = await first.redis.execute_command("RL.FIRST", *words)
        if allowed:
            quotas[index].most = {row[0]: row[1] for row in rows}
            return quotas[index], Call(name, time.monotonic())
        if retry_ms < 0:
            raise ValueError(f"{first.policy}: more than {blocking} can ever admit: {costs}")
        raise TimeoutError(f"{first.policy}: not admitted within {first.wait} s, {retry_ms / 1000:.1f} s are left")

    async def settle(self, call, used):
        """Charges what was used. A unit that `used` does not name stays as it was reserved."""
        words = [word for unit, cost in used.items() for word in ("COST", unit, cost)]
        await self.redis.execute_command("RL.SETTLE", self.key, call.id, *words)

    async def sync(self, call, told, retry_after=0.0):
        """Passes on what a response said: {name of a limit: (limit, remaining, seconds until it is full)}, and its `retry-after`."""
        words = []
        for name, (limit, remaining, reset) in told.items():
            # The margin stays with the provider, at most a quarter of a small bucket. If less than that is left, it is a debt.
            margin = min(limit * self.margin, self.most.get(name, limit) / 4)
            left = math.floor(remaining - margin)
            words += ["LIMIT", name, "REMAINING", left, "OF", limit, "RESET", seconds(reset)]
        async with self.redis.pipeline(transaction=False) as pipe:
            if words:
                pipe.execute_command("RL.SYNC", self.key, *words, "AGE", seconds(time.monotonic() - call.sent))
            if retry_after:
                pipe.execute_command("RL.HOLD", self.key, seconds(retry_after))
            await pipe.execute()


class Typical:
    """The output that a call needs: a running 99th percentile of what calls really used, at most `most`."""

    def __init__(self, first, most):
        self.used, self.most = [first], most

    def __call__(self):
        return min(self.most, sorted(self.used)[int(0.99 * len(self.used))])

    def add(self, used):
        self.used = [*self.used[-199:], used]
