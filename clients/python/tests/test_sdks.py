"""The SDKs of Anthropic and OpenAI behind a transport, with the provider of the lab: JSON and streams, both kinds of clients."""

from __future__ import annotations

import json
from typing import Any, Iterator

import anthropic
import httpx
import httpx2
import openai
import pytest
import redis_rl
from redis_rl import Limit
from servers import Provider, Server, wait_until

WIDE = {"requests": ["bucket", 6000, 1000], "input": ["bucket", 6000000, 1000000], "output": ["bucket", 6000000, 1000000]}
CONFIG = {
    "seed": 1,
    "minute": 60,
    "models": {"claude-sonnet": WIDE, "gpt": {"requests": ["sliding", 1000, None], "tokens": ["sliding", 10000000, None]}},
}
ANTHROPIC = [Limit("rpm", 1000, 60), Limit("itpm", 10**6, 60, unit="input"), Limit("otpm", 10**6, 60, unit="output"), Limit("calls", 50, algorithm="inflight")]
OPENAI = [Limit("rpm", 1000, 60), Limit("tpm", 10**6, 60, unit="tokens"), Limit("calls", 50, algorithm="inflight")]
MESSAGES: Any = [{"role": "user", "content": "job 1: " + "x" * 393}]  # 100 tokens


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with Provider(json.dumps(CONFIG)) as started:
        httpx.post(f"{started.url}/lab/start", json={})
        yield started


@pytest.fixture
def policies(server: Server) -> redis_rl.Limiter:
    limiter = redis_rl.Limiter(server.url)
    server.client.flushall()
    limiter.policy_set("claude-sonnet", ANTHROPIC)
    limiter.policy_set("gpt", OPENAI)
    return limiter


def used(limiter: redis_rl.Limiter, key: str) -> dict[str, int]:
    """Returns what is charged, after everything has settled."""

    def settled() -> bool:
        info = limiter.info(key)
        return info is not None and info.reservations == 0

    wait_until("all reservations are settled", settled, 5)
    info = limiter.info(key)
    assert info and isinstance(info.used, dict)
    return {name: info.used[name] for name in info.used if name != "calls"}


def test_anthropic_for_threads(server: Server, provider: Provider, policies: redis_rl.Limiter) -> None:
    limiter = redis_rl.Limiter(server.url, policy="claude-sonnet")
    client = httpx2.Client(transport=redis_rl.httpx2.Transport(limiter))
    claude = anthropic.Anthropic(api_key="k", base_url=provider.url, http_client=client, max_retries=0)
    message = claude.messages.create(model="claude-sonnet", max_tokens=1024, messages=MESSAGES)
    assert used(policies, "claude-sonnet") == {"rpm": 1, "itpm": message.usage.input_tokens, "otpm": message.usage.output_tokens}
    with claude.messages.stream(model="claude-sonnet", max_tokens=1024, messages=MESSAGES) as stream:
        second = stream.get_final_message()
    both = message.usage.output_tokens + second.usage.output_tokens
    assert used(policies, "claude-sonnet") == {"rpm": 2, "itpm": 200, "otpm": both}


async def test_anthropic_for_asyncio(server: Server, provider: Provider, policies: redis_rl.Limiter) -> None:
    # The five lines.
    limiter = redis_rl.AsyncLimiter(server.url, policy="claude-sonnet")
    claude = anthropic.AsyncAnthropic(
        http_client=httpx2.AsyncClient(transport=redis_rl.httpx2.Transport(limiter)), max_retries=0, api_key="k", base_url=provider.url
    )
    message = await claude.messages.create(model="claude-sonnet", max_tokens=1024, messages=MESSAGES)
    async with claude.messages.stream(model="claude-sonnet", max_tokens=1024, messages=MESSAGES) as stream:
        second = await stream.get_final_message()
    both = message.usage.output_tokens + second.usage.output_tokens
    assert used(policies, "claude-sonnet") == {"rpm": 2, "itpm": 200, "otpm": both}
    await claude.close()


def test_openai_for_threads(server: Server, provider: Provider, policies: redis_rl.Limiter) -> None:
    limiter = redis_rl.Limiter(server.url, policy="gpt")
    client = httpx2.Client(transport=redis_rl.httpx2.Transport(limiter))
    gpt = openai.OpenAI(api_key="k", base_url=f"{provider.url}/v1", http_client=client, max_retries=0)
    gpt.chat.completions.create(model="gpt", max_completion_tokens=700, messages=MESSAGES)
    # OpenAI counts the larger of max_tokens and the input, and does not correct it.
    assert used(policies, "gpt") == {"rpm": 1, "tpm": 700}
    assert list(gpt.chat.completions.create(model="gpt", max_completion_tokens=50, messages=MESSAGES, stream=True))
    assert used(policies, "gpt") == {"rpm": 2, "tpm": 800}


async def test_openai_for_asyncio(server: Server, provider: Provider, policies: redis_rl.Limiter) -> None:
    limiter = redis_rl.AsyncLimiter(server.url, policy="gpt")
    client = httpx2.AsyncClient(transport=redis_rl.httpx2.Transport(limiter))
    gpt = openai.AsyncOpenAI(api_key="k", base_url=f"{provider.url}/v1", http_client=client, max_retries=0)
    await gpt.chat.completions.create(model="gpt", max_completion_tokens=700, messages=MESSAGES)
    parts = [part async for part in await gpt.chat.completions.create(model="gpt", max_completion_tokens=50, messages=MESSAGES, stream=True)]
    assert parts
    assert used(policies, "gpt") == {"rpm": 2, "tpm": 800}
    await gpt.close()


def test_a_call_that_is_not_admitted_is_an_error_of_the_sdk(server: Server, provider: Provider, policies: redis_rl.Limiter) -> None:
    policies.policy_set("claude-sonnet", [Limit("rpm", 1, 60)])
    limiter = redis_rl.Limiter(server.url, policy="claude-sonnet")
    client = httpx2.Client(transport=redis_rl.httpx2.Transport(limiter, wait=0.1))
    claude = anthropic.Anthropic(api_key="k", base_url=provider.url, http_client=client, max_retries=0)
    claude.messages.create(model="claude-sonnet", max_tokens=1024, messages=MESSAGES)
    with pytest.raises(anthropic.RateLimitError) as raised:
        claude.messages.create(model="claude-sonnet", max_tokens=1024, messages=MESSAGES)
    assert raised.value.response.headers["x-redis-rl"] == "denied"
    assert 50 < int(raised.value.response.headers["retry-after"]) <= 61


def test_which_clients_the_sdks_take() -> None:
    """What docs/clients.md says about httpx and httpx2."""
    with pytest.raises(TypeError, match="httpx2"):
        anthropic.Anthropic(api_key="k", http_client=httpx.Client())
    anthropic.Anthropic(api_key="k", http_client=httpx2.Client())
    openai.OpenAI(api_key="k", http_client=httpx.Client())
    openai.OpenAI(api_key="k", http_client=httpx2.Client())
