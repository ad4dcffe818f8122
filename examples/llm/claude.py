"""Calls of Claude within the limits of Anthropic: requests, input tokens and output tokens, each a token bucket."""

import asyncio
import datetime
import os
import sys

import anthropic
from quota import Quota, Typical
from redis.asyncio import Redis

NAMES = {"requests": "requests", "input": "input-tokens", "output": "output-tokens"}


def told(headers):
    """Reads the headers of a response: {limit: (limit, remaining, seconds until it is full)}."""
    found, now = {}, datetime.datetime.now(datetime.timezone.utc)
    for name, header in NAMES.items():
        limit, left, reset = (headers.get(f"anthropic-ratelimit-{header}-{part}") for part in ("limit", "remaining", "reset"))
        if limit and left and reset:
            full = datetime.datetime.fromisoformat(reset.replace("Z", "+00:00"))
            found[name] = (int(limit), int(left), (full - now).total_seconds())
    return found


class Claude:
    """`quotas` {model: Quota}; `output` is what an answer may need until the program has seen some."""

    def __init__(self, client: anthropic.AsyncAnthropic, quotas: dict[str, Quota], max_tokens=4096, output=500):
        self.client, self.quotas = client, quotas
        self.max_tokens, self.output = max_tokens, Typical(output, max_tokens)

    async def ask(self, models, messages, system=(), priority="NORMAL", tries=5):
        """Calls the first of `models` that has room. Returns its message."""
        # Four bytes are about one token. Parts that the provider has cached do not count.
        fresh = [part["text"] for part in system if "cache_control" not in part] + [message["content"] for message in messages]
        costs = {"input": sum(len(text.encode()) for text in fresh) // 4 + 1}
        for left in reversed(range(tries)):
            model, quota, call = await self.reserve(models, {**costs, "output": self.output()}, priority)
            try:
                return await self.call(quota, call, model, messages, system)
            except anthropic.APIStatusError as error:
                if error.status_code not in (429, 529):
                    raise
                # All workers wait until then. This request keeps its charge, and stands in line again.
                headers = error.response.headers
                await quota.sync(call, told(headers), float(headers.get("retry-after", 1)))
                if not left:
                    raise

    async def reserve(self, models, costs, priority):
        if len(models) == 1:
            return models[0], self.quotas[models[0]], await self.quotas[models[0]].reserve(costs, priority)
        quota, call = await Quota.reserve_first([self.quotas[model] for model in models], costs, priority)
        return next(model for model in models if self.quotas[model] is quota), quota, call

    async def call(self, quota, call, model, messages, system):
        used = {}
        try:
            async with self.client.messages.stream(
                model=model, max_tokens=self.max_tokens, messages=messages, system=list(system)
            ) as stream:
                await quota.sync(call, told(stream.response.headers))
                message = await stream.get_final_message()
            usage = message.usage
            used = {"input": usage.input_tokens + (usage.cache_creation_input_tokens or 0), "output": usage.output_tokens}
            self.output.add(usage.output_tokens)
            return message
        finally:  # a call that failed stays charged as it was reserved
            await quota.settle(call, used)


async def main():
    # A waiting request holds a connection (redis-py opens 100, if not told), and the socket must wait longer than the line does.
    url = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
    redis = Redis.from_url(url, decode_responses=True, max_connections=1000, socket_timeout=70)
    client = anthropic.AsyncAnthropic(max_retries=0)  # the line does what retries would do
    claude = Claude(client, {"claude-sonnet-4-5": Quota(redis, "claude-sonnet", margin=0.05)})
    asked = [claude.ask(["claude-sonnet-4-5"], [{"role": "user", "content": prompt}]) for prompt in sys.argv[1:] or ["hello"]]
    for message in await asyncio.gather(*asked):
        print("".join(part.text for part in message.content if part.type == "text"))
    await client.close()
    await redis.aclose()


if __name__ == "__main__":
    asyncio.run(main())
