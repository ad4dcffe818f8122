"""One key that all workers share: stand in line for a call, settle it, and pass on what the provider said."""

import asyncio
import time
import uuid

from redis.asyncio import Redis
from redis.exceptions import NoPermissionError

SLACK = 0.01  # seconds that a command may take


def seconds(value):
    return f"{max(value, 0.001):.3f}"


# RL.SYNC of a limit that the provider has lowered below the policy's: at least the difference is used elsewhere. What the provider
# says is left does not know of the calls that are under way, so it alone would admit too many. In one step, so nobody goes between.
LOWERED = """
local here = redis.call('RL.SYNC', KEYS[1], 'LIMIT', ARGV[1], 'REMAINING', 0)[2] or 0
local left = math.max(0, math.min(tonumber(ARGV[2]), here - tonumber(ARGV[4])))
return redis.call('RL.SYNC', KEYS[1], 'LIMIT', ARGV[1], 'REMAINING', left, 'RESET', ARGV[3])
"""


class Quota:
    """The limits of a policy, under one key. The limits are named after the units that they count.

    `margin` is the share of each limit that is left to the provider. It covers what changes there before its word reaches Redis.
    """

    def __init__(self, redis: Redis, policy, key=None, wait=60, lease=300, margin=0.03, window=60):
        self.redis, self.policy, self.key = redis, policy, key or policy
        self.wait, self.lease, self.margin, self.window = wait, lease, margin, window
        self.limits, self.tasks = {}, set()  # the limits of the policy, as the last admission showed them

    async def reserve(self, costs, priority="NORMAL"):
        """Stands in line for `costs` {unit: n}, at most `wait` seconds. Returns the id of the reservation."""
        _, call = await self.reserve_first([self], costs, priority)
        return call

    @staticmethod
    async def reserve_first(quotas, costs, priority="NORMAL"):
        """Stands in the lines of all `quotas`, and reserves at the first of them that has room. Returns it and the id of the reservation."""
        first, call = quotas[0], uuid.uuid4().hex
        words = [len(quotas), *(quota.key for quota in quotas), "POLICY", *(quota.policy for quota in quotas)]
        words += [word for unit, cost in costs.items() for word in ("COST", unit, cost)]
        words += ["RESERVE", first.lease, "ID", call, "WAIT", first.wait, "PRIORITY", priority]
        allowed, retry_ms, blocking, rows, _, index = await first.redis.execute_command("RL.FIRST", *words)
        if allowed:
            quotas[index].limits = {name: limit for name, limit, *_ in rows}
            return quotas[index], call
        if retry_ms < 0:
            raise ValueError(f"{first.policy}: more than {blocking} can ever admit: {costs}")
        raise TimeoutError(f"{first.policy}: not admitted within {first.wait} s, {retry_ms / 1000:.1f} s are left")

    async def settle(self, call, used):
        """Charges what was used. A unit that `used` does not name stays as it was reserved."""
        words = [word for unit, cost in used.items() for word in ("COST", unit, cost)]
        await self.redis.execute_command("RL.SETTLE", self.key, call, *words)

    async def sync(self, told, retry_after=0.0):
        """Passes on what a response said: {name of a limit: (limit, remaining, seconds until it is full)}, and its `retry-after`."""
        now, low = time.monotonic(), {}
        for name, (limit, remaining, _) in told.items():
            short = limit * self.margin - remaining
            if short > 0:  # nobody goes on until the provider has the margin again
                low[name] = max(retry_after, short * self.window / limit)
        # A hold ends a little after the second word (see below). After a refusal it may come late: all workers are busy then.
        slack = self.window / 60 if retry_after else SLACK
        lowered = {name: told[name] for name in told if told[name][0] < self.limits.get(name, 0)}
        plain = {name: told[name] for name in told if name not in lowered}
        async with self.redis.pipeline(transaction=False) as pipe:
            if retry_after and not low:  # the headers do not say which limit it was
                pipe.execute_command("RL.HOLD", self.key, seconds(retry_after))
            for name, hold in low.items():
                pipe.execute_command("RL.HOLD", self.key, seconds(hold + slack), "LIMIT", name)
            if plain:
                pipe.execute_command("RL.SYNC", self.key, *self.words(plain))
            await pipe.execute()
        for name in lowered:
            await self.sync_lowered(name, *lowered[name])
        for name, hold in low.items():
            task = asyncio.create_task(self.sync_again(name, told[name], now + hold))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def sync_lowered(self, name, limit, remaining, reset):
        share = limit * self.margin
        words = [name, max(0, int(remaining - share)), seconds(reset), int(self.limits[name] - limit + share)]
        try:
            await self.redis.eval(LOWERED, 1, self.key, *words)
        except NoPermissionError:  # this user may not run scripts: less exact
            await self.redis.execute_command("RL.SYNC", self.key, *self.words({name: (limit, remaining, reset)}))

    async def sync_again(self, name, told, at):
        """A hold stops requests, but what comes back meanwhile adds up. At its end there is the margin, and no more."""
        await asyncio.sleep(at - time.monotonic())
        await self.redis.execute_command("RL.SYNC", self.key, *self.words({name: (told[0], 0, told[2])}))

    def words(self, told):
        for name, (limit, remaining, reset) in told.items():
            yield from ("LIMIT", name, "REMAINING", max(0, int(remaining - limit * self.margin)), "RESET", seconds(reset))


class Typical:
    """The output that a call needs: a running 99th percentile of what calls really used, at most `most`."""

    def __init__(self, first, most):
        self.used, self.most = [first], most

    def __call__(self):
        return min(self.most, sorted(self.used)[int(0.99 * len(self.used))])

    def add(self, used):
        self.used = [*self.used[-199:], used]
