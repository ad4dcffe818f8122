"""The seed's sixth recipe: lanes in a queue of one process, with a bucket of its own. As published, one call at a time."""

import asyncio
import heapq
import itertools
import time

from jobs import BATCH, MINUTE, REQUESTS, SCALE

from .call import Refused, System

CRITICAL, NORMAL = 0, 2


class Lanes(System):
    burst = 20

    async def start(self):
        self.queue, self.numbers = [], itertools.count()
        self.tokens, self.last = float(self.burst), time.monotonic()
        self.worker = asyncio.create_task(self.process())

    async def call(self, text, lane):
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self.queue, (NORMAL if lane == BATCH else CRITICAL, next(self.numbers), text, future))
        try:
            return await asyncio.wait_for(future, 30 * SCALE)
        except asyncio.TimeoutError:
            return False

    async def process(self):
        while True:
            now = time.monotonic()
            self.tokens = min(self.burst, self.tokens + (now - self.last) * REQUESTS / MINUTE)
            self.last = now
            if not self.queue or self.tokens < 1:
                await asyncio.sleep(0.05 * SCALE)
                continue
            *_, text, future = heapq.heappop(self.queue)
            self.tokens -= 1
            try:
                await self.caller.call_async(text)
                done = True
            except Refused:
                done = False
            if not future.done():
                future.set_result(done)
