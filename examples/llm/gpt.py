"""Calls of OpenAI's API within its limits: requests and tokens a minute. Refused requests count there, too."""

import asyncio
import os
import re
import sys

import openai
from quota import Quota
from redis.asyncio import Redis

MAX_TOKENS = 1024
PARTS = {"h": 3600, "m": 60, "s": 1, "": 1, "ms": 0.001}


def seconds(text):
    """Reads a period such as 12ms, 1.5s or 6m0s. Azure writes seconds: 6."""
    return sum(float(number) * PARTS[part] for number, part in re.findall(r"([\d.]+)(ms|h|m|s|)", text))


def told(headers):
    """Reads the headers of a response: {limit: (limit, remaining, seconds until it is full)}."""
    found = {}
    for name in ("requests", "tokens"):
        limit, left, reset = (headers.get(f"x-ratelimit-{part}-{name}") for part in ("limit", "remaining", "reset"))
        if limit and left and reset and int(left) >= 0:  # Azure may answer -1: it does not know
            found[name] = (int(limit), int(left), seconds(reset))
    return found


def retry_after(headers):
    """Reads in how many seconds to ask again."""
    return float(headers.get("retry-after-ms", 0)) / 1000 or float(headers.get("retry-after", 1))


class Gpt:
    def __init__(self, client: openai.AsyncOpenAI, quota: Quota, max_tokens=MAX_TOKENS):
        self.client, self.quota, self.max_tokens = client, quota, max_tokens

    async def ask(self, model, messages, priority="NORMAL", tries=5):
        """Calls the model. Returns its text."""
        # OpenAI counts the larger of `max_tokens` and an estimate of the input. What the answer really uses does not change it.
        estimate = sum(len(message["content"].encode()) for message in messages) // 4 + 1
        costs = {"tokens": max(self.max_tokens, estimate)}
        for left in reversed(range(tries)):
            call = await self.quota.reserve(costs, priority)
            try:
                response = await self.client.chat.completions.with_raw_response.create(
                    model=model, max_completion_tokens=self.max_tokens, messages=messages, stream=True
                )
                await self.quota.sync(call, told(response.headers))
                return "".join([part.choices[0].delta.content or "" async for part in response.parse() if part.choices])
            except openai.APIStatusError as error:
                if error.status_code not in (429, 503):
                    raise
                # All workers wait until then. This request keeps its charge, since OpenAI has counted it, and stands in line again.
                headers = error.response.headers
                await self.quota.sync(call, told(headers), retry_after(headers))
                if not left:
                    raise
            finally:
                await self.quota.settle(call, {})


async def main():
    # A waiting request holds a connection (redis-py opens 100, if not told), and the socket must wait longer than the line does.
    url = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
    redis = Redis.from_url(url, decode_responses=True, max_connections=1000, socket_timeout=70)
    client = openai.AsyncOpenAI(max_retries=0)  # the line does what retries would do
    gpt = Gpt(client, Quota(redis, "gpt"))
    asked = [gpt.ask("gpt-5", [{"role": "user", "content": prompt}]) for prompt in sys.argv[1:] or ["hello"]]
    for text in await asyncio.gather(*asked):
        print(text)
    await client.close()
    await redis.aclose()


if __name__ == "__main__":
    asyncio.run(main())
