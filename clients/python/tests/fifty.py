#!/usr/bin/env python3
"""50 processes call the lab's provider with the five lines of the README. Prints refusals and the share of the limit that was used.

    fifty.py [--scenario alone] [--seed 1] [--processes 50]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import multiprocessing
import sys
import time
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[3] / "benches" / "lab")]

import anthropic
import httpx2
import openai
import redis_rl
from redis_rl import Limit
from servers import Provider, Server

import jobs
import scenarios

LANES = {jobs.BATCH: "low", jobs.INTERACTIVE: "high"}
SYSTEM = [{"type": "text", "text": "s" * 4 * jobs.SYSTEM_TOKENS, "cache_control": {"type": "ephemeral"}}]


def policy(scenario: Any) -> list[Limit]:
    """Returns the limits of a scenario: a little less than the provider's, as docs/llm-quotas.md says."""
    limits = [Limit("calls", jobs.PROCESSES * jobs.AT_ONCE, algorithm="inflight")]
    for unit, (kind, limit, capacity) in scenario.limits().items():
        if kind == "bucket":
            limits.append(Limit(unit, limit, jobs.MINUTE, unit=unit, algorithm="bucket", capacity=capacity - math.ceil(limit / 100)))
        else:
            limits.append(Limit(unit, limit, f"{jobs.MINUTE * 1010}ms", unit=unit))
    return limits


class Stamp(httpx2.AsyncHTTPTransport):
    """Says when a request was sent, after it was admitted."""

    async def handle_async_request(self, request: Any) -> Any:
        request.headers["x-lab-admitted"] = str(time.time())
        return await super().handle_async_request(request)


def client(scenario: Any, url: str, redis: str, process: int) -> Any:
    limiter = redis_rl.AsyncLimiter(redis, policy="claude-sonnet", timeout=5)
    transport = redis_rl.httpx2.Transport(limiter, Stamp(), priority="low")
    options: Any = {"http_client": httpx2.AsyncClient(transport=transport, timeout=60), "max_retries": 0, "api_key": "none"}
    options["default_headers"] = {"x-lab-process": str(process)}
    if scenario.family == "anthropic":
        return anthropic.AsyncAnthropic(base_url=url, **options)
    return openai.AsyncOpenAI(base_url=f"{url}/v1", **options)


async def call(sdk: Any, scenario: Any, text: str) -> None:
    messages: Any = [{"role": "user", "content": text}]
    try:
        if scenario.family == "anthropic":
            words = {"model": "claude-sonnet", "max_tokens": jobs.MOST_OUTPUT, "messages": messages, "system": SYSTEM}
            async with sdk.messages.stream(**words) as stream:
                await stream.get_final_message()
        else:
            await sdk.chat.completions.create(model="claude-sonnet", max_completion_tokens=jobs.MOST_OUTPUT, messages=messages)
    except (anthropic.APIError, openai.APIError) as error:
        print(type(error).__name__, error, file=sys.stderr)


async def work(name: str, seed: int, process: int, url: str, redis: str, ready: Any, go: Any) -> None:
    scenario = scenarios.BY_NAME[name]
    sdk, tasks, free = client(scenario, url, redis, process), set(), asyncio.Semaphore(jobs.AT_ONCE)
    await call(sdk, scenario, jobs.prompt(seed, f"warm-{process}"))
    ready.release()
    while not go.value:
        await asyncio.sleep(0.01)

    async def one(text: str) -> None:
        try:
            await call(sdk, scenario, text)
        finally:
            free.release()

    for at, job, _ in jobs.arrivals(seed, process, scenario):
        await asyncio.sleep(max(0, go.value + at - time.monotonic()))
        await free.acquire()
        task = asyncio.create_task(one(jobs.prompt(seed, job)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)


def run(*args: Any) -> None:
    asyncio.run(work(*args))


def measure(name: str, seed: int, processes: int) -> dict[str, Any]:
    scenario = scenarios.BY_NAME[name]
    config = json.dumps({**scenario.provider(seed), "end": jobs.END})
    context = multiprocessing.get_context("fork")
    with Server() as server, Provider(config) as provider:
        redis_rl.Limiter(server.url).policy_set("claude-sonnet", policy(scenario))
        httpx2.post(f"{provider.url}/lab/start", json={})
        ready, go = context.Semaphore(0), context.Value("d", 0.0)
        workers = [context.Process(target=run, args=(name, seed, number, provider.url, server.url, ready, go)) for number in range(processes)]
        for worker in workers:
            worker.start()
        try:
            for _ in workers:
                if not ready.acquire(timeout=180):
                    raise RuntimeError("a process did not start")
            server.client.flushall()
            httpx2.post(f"{provider.url}/lab/start", json={})
            go.value = begin = time.monotonic()
            time.sleep(max(0, begin + jobs.END - time.monotonic()))
            figures: dict[str, Any] = httpx2.get(f"{provider.url}/lab/log", timeout=60).json()
        finally:
            for worker in workers:
                worker.kill()
    return figures


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--scenario", default="alone", choices=scenarios.BY_NAME)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--processes", type=int, default=jobs.PROCESSES)
    asked = options.parse_args()
    figures = measure(asked.scenario, asked.seed, asked.processes)
    for since in ("begin", "after"):
        if since in figures:
            part = figures[since]
            print(f"{asked.scenario} since {since}: {part['requests']} requests, {part['refused']} refused, use {part['use']}, {part['shares']}")
    print("delay from admission to the provider:", figures["delay"])


if __name__ == "__main__":
    main()
