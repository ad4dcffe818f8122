"""A reservation as a scope: charged by its estimate, settled at what was used. `REDIS_URL` names the server."""

import asyncio
import os

import redis_rl
from redis_rl import Limit

LIMITS = [Limit("rpm", 1000, 60), Limit("output", 90_000, 60, unit="output"), Limit("calls", 20, algorithm="inflight")]


async def main() -> None:
    async with redis_rl.AsyncLimiter(os.environ.get("REDIS_URL", "redis://localhost")) as limiter:
        try:
            async with limiter.reserve("example:reserve", limits=LIMITS, cost={"output": 4096}, wait=20) as call:
                await asyncio.sleep(0.01)  # the work
                call.used(output=812)
        except redis_rl.Denied as denied:
            print("ask again in", denied.decision.retry_after)
        print(await limiter.peek("example:reserve"))


asyncio.run(main())
