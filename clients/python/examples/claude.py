"""Calls of Claude within a policy that all processes share. `ANTHROPIC_API_KEY` and `REDIS_URL` are those of the usual clients."""

import asyncio
import os
import sys

import anthropic
import httpx2
import redis_rl

limiter = redis_rl.AsyncLimiter(os.environ.get("REDIS_URL", "redis://localhost"), policy="claude-sonnet")
claude = anthropic.AsyncAnthropic(http_client=httpx2.AsyncClient(transport=redis_rl.httpx2.Transport(limiter)), max_retries=0)


async def main() -> None:
    async with claude.messages.stream(
        model="claude-sonnet", max_tokens=1024, messages=[{"role": "user", "content": " ".join(sys.argv[1:]) or "hello"}]
    ) as stream:
        async for text in stream.text_stream:
            print(text, end="", flush=True)
    print()
    await claude.close()
    await limiter.close()


asyncio.run(main())
