"""Calls of any HTTP API that answers 429 with `retry-after`, and tells nothing else of its limits."""

import asyncio
import os
import sys

import httpx
from quota import Quota
from redis.asyncio import Redis

BUSY = (429, 503, 529)


class Service:
    def __init__(self, client: httpx.AsyncClient, quota: Quota):
        self.client, self.quota = client, quota

    async def ask(self, url, body, costs, used=lambda answer: {}, priority="NORMAL", tries=5):
        """Posts `body`. Returns the answer. `costs` are what it may need, and `used` reads from the answer what it needed."""
        for left in reversed(range(tries)):
            call, real = await self.quota.reserve(costs, priority), {}
            try:
                response = await self.client.post(url, json=body)
                if response.status_code not in BUSY or not left:
                    answer = response.raise_for_status().json()
                    real = used(answer)
                    return answer
                await self.quota.sync(call, {}, float(response.headers.get("retry-after", 1)))
            finally:  # a call that failed stays charged as it was reserved
                await self.quota.settle(call, real)


async def main():
    # A waiting request holds a connection (redis-py opens 100, if not told), and the socket must wait longer than the line does.
    url = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
    redis = Redis.from_url(url, decode_responses=True, max_connections=1000, socket_timeout=70)
    service_url = os.environ.get("SERVICE_URL", "http://127.0.0.1:8090/generate")
    async with httpx.AsyncClient(timeout=300) as client:
        service = Service(client, Quota(redis, "any-model"))
        bodies = [{"model": "any-model", "prompt": prompt, "max_tokens": 100} for prompt in sys.argv[1:] or ["hello"]]
        asked = [
            service.ask(service_url, body, {"tokens": len(body["prompt"]) // 4 + 100}, lambda answer: {"tokens": answer["tokens"]}) for body in bodies
        ]
        for answer in await asyncio.gather(*asked):
            print(answer["text"])
    await redis.aclose()


if __name__ == "__main__":
    asyncio.run(main())
