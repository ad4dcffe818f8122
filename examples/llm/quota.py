"""One key that all workers share: stand in line for a call, settle it, and pass on what the provider said."""

import asyncio
import time
import uuid

from redis.asyncio import Redis


SLACK = 0.01  # seconds that a command may take


def seconds(value):
    return f"{max(value, 0.001):.3f}"


class Quota:
    """The limits of a policy, under one key. The limits are named after the units that they count.

    `margin` is the share of each limit that is left to the provider. It covers what changes there before its word reaches Redis.
    """

    def __init__(self, redis: Redis, policy, key=None, wait=60, lease=300, margin=0.03, window=60):
        self.redis, self.policy, self.key = redis, policy, key or f"q:{policy}"
        self.wait, self.lease, self.margin, self.window = wait, lease, margin, window
        self.tasks = set()

    async def ask(self, costs, wait=0, priority="NORMAL"):
        """Asks for `costs` {unit: n}. Returns the id of the reservation and 0, or None and the milliseconds to wait."""
        words = [word for unit, cost in costs.items() for word in ("COST", unit, cost)]
        line = ["WAIT", seconds(wait), "PRIORITY", priority] if wait else []
        call = uuid.uuid4().hex
        allowed, retry_ms, blocking, *_ = await self.redis.execute_command(
            "RL.QUOTA", self.key, "POLICY", self.policy, *words, "RESERVE", self.lease, "ID", call, *line
        )
        if retry_ms < 0:
            raise ValueError(f"{self.policy}: more than {blocking} can ever admit: {costs}")
        return (call, 0) if allowed else (None, retry_ms)

    async def reserve(self, costs, priority="NORMAL"):
        """Stands in line for `costs`, at most `wait` seconds. Returns the id of the reservation."""
        call, retry_ms = await self.ask(costs, self.wait, priority)
        if not call:
            raise TimeoutError(f"{self.policy}: not admitted within {self.wait} s, {retry_ms / 1000:.1f} s are left")
        return call

    @staticmethod
    async def reserve_first(quotas, costs, priority="NORMAL"):
        """Reserves at the first of `quotas` that admits now. Else stands in line for the first one. Returns the quota and the id."""
        end = time.monotonic() + quotas[0].wait
        while True:
            waits = []
            for quota in quotas:
                call, retry_ms = await quota.ask(costs)
                if call:
                    return quota, call
                waits.append(retry_ms)
            # A short wait: the others are asked again when they may have room.
            wait = min(end - time.monotonic(), max(0.001, min(waits[1:], default=60_000) / 1000))
            if wait <= 0:
                raise TimeoutError(f"{quotas[0].policy}: not admitted within {quotas[0].wait} s")
            call, _ = await quotas[0].ask(costs, wait, priority)
            if call:
                return quotas[0], call

    async def settle(self, call, used):
        """Charges what was used. A unit that `used` does not name stays as it was reserved."""
        words = [word for unit, cost in used.items() for word in ("COST", unit, cost)]
        await self.redis.execute_command("RL.SETTLE", self.key, call, *words)

    async def sync(self, told, retry_after=0.0):
        """Passes on what a response said: {name of a limit: (limit, remaining, seconds until it is full)}, and its `retry-after`."""
        low = {}
        for name, (limit, remaining, _) in told.items():
            short = limit * self.margin - remaining
            if short > 0:  # nobody goes on until the provider has the margin again
                low[name] = max(retry_after, short * self.window / limit)
        if retry_after and not low:  # the headers do not say which limit it was
            await self.redis.execute_command("RL.HOLD", self.key, seconds(retry_after))
        await self.tell(told, low)
        if low:
            task = asyncio.create_task(self.tell_again(told, low))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def tell(self, told, low):
        words = []
        for name, (limit, remaining, reset) in told.items():
            words += ["LIMIT", name, "REMAINING", max(0, int(remaining - limit * self.margin)), "RESET", seconds(reset)]
        async with self.redis.pipeline(transaction=False) as pipe:
            if words:
                pipe.execute_command("RL.SYNC", self.key, *words)
            for name, hold in low.items():
                pipe.execute_command("RL.HOLD", self.key, seconds(hold + SLACK), "LIMIT", name)
            await pipe.execute()

    async def tell_again(self, told, low):
        """A hold stops requests, but what comes back meanwhile adds up. At its end there is the margin, and no more."""
        await asyncio.sleep(min(low.values()))
        await self.tell({name: (told[name][0], 0, told[name][2]) for name in low}, {})


class Typical:
    """The output that a call needs: a running 99th percentile of what calls really used, at most `most`."""

    def __init__(self, first, most):
        self.used, self.most = [first], most

    def __call__(self):
        return min(self.most, sorted(self.used)[int(0.99 * len(self.used))])

    def add(self, used):
        self.used = [*self.used[-199:], used]
