"""pyrate-limiter: its token bucket in Redis for providers with buckets, its sliding log for windows. It waits by itself."""

import redis.asyncio
from pyrate_limiter import Limiter, Rate, RedisBucket, RedisStateStore, StateBucket, TokenBucket

import jobs

from .call import Refused, System


class Pyrate(System):
    async def start(self):
        client = redis.asyncio.Redis(host="127.0.0.1", port=self.run.redis_port)
        self.limiters = {}
        for model in self.models:
            if self.run.scenario.family == "anthropic":
                rates = [Rate(jobs.REQUESTS, jobs.MINUTE * 1000, burst=jobs.REQUESTS // 5)]
                bucket = StateBucket(rates, algorithm=TokenBucket(), store=RedisStateStore(client, model))
            else:
                bucket = await RedisBucket.init([Rate(jobs.REQUESTS, jobs.MINUTE * 1000)], client, model)
            self.limiters[model] = Limiter(bucket)

    async def call(self, text, lane):
        model = self.models[0]
        if len(self.models) > 1 and not await self.limiters[model].try_acquire_async(model, blocking=False):
            model = self.models[1]
            await self.limiters[model].try_acquire_async(model)
        elif len(self.models) == 1:
            await self.limiters[model].try_acquire_async(model)
        try:
            await self.caller.call_async(text, model)
            return True
        except Refused:
            return False
