"""aiolimiter: a limiter in each process, with the whole limit, or with its share of the limit."""

from aiolimiter import AsyncLimiter

import jobs

from .call import Refused, System


class Each(System):
    share = 1

    async def start(self):
        self.limiters = {model: AsyncLimiter(jobs.REQUESTS / self.share, jobs.MINUTE) for model in self.models}

    async def call(self, text, lane):
        model = next((model for model in self.models if self.limiters[model].has_capacity()), self.models[0])
        async with self.limiters[model]:
            try:
                await self.caller.call_async(text, model)
                return True
            except Refused:
                return False


class Share(Each):
    share = jobs.PROCESSES
