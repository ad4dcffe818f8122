"""Processes that call the lab's provider without end, until a test kills them: holders.py URL_OF_SERVER URL_OF_PROVIDER PROCESSES

They are forked after a first call, which is the one that costs an SDK much processor time. Prints the number of each process.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

import anthropic
import httpx2
import redis_rl

AT_ONCE = 2
TTL = 5


def client(server: str, provider: str) -> anthropic.AsyncAnthropic:
    limiter = redis_rl.AsyncLimiter(server, policy="crash", timeout=5)
    http = httpx2.AsyncClient(transport=redis_rl.httpx2.Transport(limiter, ttl=TTL))
    return anthropic.AsyncAnthropic(http_client=http, api_key="k", base_url=provider, max_retries=0)


async def call(claude: anthropic.AsyncAnthropic) -> None:
    messages: Any = [{"role": "user", "content": f"job {os.getpid()}: x"}]
    await claude.messages.create(model="claude-sonnet", max_tokens=99, messages=messages)


async def first_call(server: str, provider: str) -> None:
    async with client(server, provider) as claude:
        await call(claude)


async def calls(server: str, provider: str) -> None:
    claude = client(server, provider)

    async def without_end() -> None:
        while True:
            try:
                await call(claude)
            except anthropic.APIStatusError as error:
                # It has waited for a minute, or the server had no time for it: it stands in line again.
                print("refused by", error.response.headers.get("x-redis-rl", "the provider"), file=sys.stderr)
            except anthropic.APIConnectionError as error:
                print(repr(error), file=sys.stderr)

    await asyncio.gather(*(without_end() for _ in range(AT_ONCE)))


def main() -> None:
    server, provider, processes = sys.argv[1:]
    asyncio.run(first_call(server, provider))
    for _ in range(int(processes)):
        if os.fork() == 0:
            os.write(1, f"{os.getpid()}\n".encode())
            asyncio.run(calls(server, provider))
    for _ in range(int(processes)):
        os.wait()


if __name__ == "__main__":
    main()
