"""limits: its moving window in Redis. It does not wait, so that the caller sleeps until the time that it names."""

import asyncio
import time

from limits import RateLimitItemPerSecond
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter

import jobs

from .call import Refused, System


class Limits(System):
    async def start(self):
        self.limiter = MovingWindowRateLimiter(RedisStorage(f"async+redis://127.0.0.1:{self.run.redis_port}", implementation="redispy"))
        self.item = RateLimitItemPerSecond(jobs.REQUESTS, jobs.MINUTE)

    async def call(self, text, lane):
        while True:
            for model in self.models:
                if await self.limiter.hit(self.item, model):
                    try:
                        await self.caller.call_async(text, model)
                        return True
                    except Refused:
                        return False
            window = await self.limiter.get_window_stats(self.item, self.models[0])
            await asyncio.sleep(max(0.01, window.reset_time - time.time()))
