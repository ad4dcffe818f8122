"""token-throttle over Redis: reserves requests and tokens, waits, and gives back what was not used."""

import redis.asyncio
from token_throttle import PerModelConfig, Quota, RateLimiter, RedisBackendBuilder, UsageQuotas

import jobs

from .call import Refused, System


class Throttle(System):
    async def start(self):
        limits = self.run.scenario.limits()
        quotas = UsageQuotas([Quota(metric=unit, limit=limit, per_seconds=jobs.MINUTE) for unit, (_, limit, _) in limits.items()])
        client = redis.asyncio.Redis(host="127.0.0.1", port=self.run.redis_port)
        self.limiter = RateLimiter(
            lambda model: PerModelConfig(quotas=quotas, model_family=model), backend=RedisBackendBuilder(client, key_prefix="lab")
        )
        self.used, self.units = [500], set(limits)

    async def call(self, text, lane):
        # As its example for Anthropic does: reserve the 99th percentile of the output that calls really had.
        output = sorted(self.used)[int(0.99 * len(self.used))]
        usage = {"requests": 1, "input": len(text) // 4, "output": output, "tokens": jobs.MOST_OUTPUT}
        usage = {unit: cost for unit, cost in usage.items() if unit in self.units}
        model = self.models[0]
        if len(self.models) > 1:
            try:
                reservation = await self.limiter.acquire_capacity(model=model, usage=usage, timeout=0)
            except TimeoutError:
                model = self.models[1]
                reservation = await self.limiter.acquire_capacity(model=model, usage=usage)
        else:
            reservation = await self.limiter.acquire_capacity(model=model, usage=usage)
        try:
            given, produced = await self.caller.call_async(text, model)
        except Refused:
            await self.limiter.refund_capacity(actual_usage={**usage, **{unit: 0 for unit in usage if unit != "requests"}}, reservation=reservation)
            return False
        self.used = [*self.used[-199:], produced]
        actual = {**usage, "input": given, "output": produced}
        await self.limiter.refund_capacity(actual_usage={unit: min(actual[unit], 10**9) for unit in usage}, reservation=reservation)
        return True
