"""The fixtures of crates/profiles, and that what is made from other files is not stale."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from redis_rl import Left, Limit
from redis_rl.profiles import profile_of
from redis_rl.transport.asked import read
from redis_rl.transport.margin import left_of
from redis_rl.transport.plan import Plan, Typical

HERE = Path(__file__).parents[1]
FIXTURES = sorted((HERE.parents[1] / "crates" / "profiles" / "fixtures").glob("*.json"))
CASES = [(path.stem, case) for path in FIXTURES for case in json.loads(path.read_text())]


@pytest.mark.parametrize(("name", "case"), CASES, ids=[f"{name}: {case['name']}" for name, case in CASES])
def test_headers(name: str, case: Any) -> None:
    told = profile_of(name).read(case["headers"], case["now_ms"])
    found = [{"names": list(limit.names), "remaining": limit.remaining, "reset_ms": limit.reset_ms} for limit in told.limits]
    assert found == case["limits"]
    assert told.hold_ms == case["hold_ms"]


def test_there_are_fixtures() -> None:
    assert len(FIXTURES) >= 10 and len(CASES) >= 30


@pytest.mark.parametrize("tool", ["copy_profiles.py", "make_sync.py"])
def test_what_is_made_is_not_stale(tool: str) -> None:
    done = subprocess.run([sys.executable, HERE / "tools" / tool, "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def usage(name: str, *events: Any, body: Any = None) -> dict[str, int]:
    found = profile_of(name).usage()
    if body is not None:
        found.body(body)
    for kind, event in events:
        found.event(kind, event)
    return found.units


def test_usage() -> None:
    cached = {"input_tokens": 5, "cache_creation_input_tokens": 20, "cache_read_input_tokens": 1000, "output_tokens": 7}
    assert usage("anthropic", body={"usage": cached}) == {"input-tokens": 25, "output-tokens": 7}
    events = [("message_start", {"message": {"usage": cached}}), ("message_delta", {"usage": {"output_tokens": 300}})]
    assert usage("anthropic", *events) == {"input-tokens": 25, "output-tokens": 300}
    chat = {"usage": {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14, "prompt_tokens_details": {"cached_tokens": 8}}}
    assert usage("openai", body=chat) == {"input-tokens": 10, "output-tokens": 4, "tokens": 14}
    assert usage("openai", (None, chat)) == {"input-tokens": 10, "output-tokens": 4, "tokens": 14}
    assert usage("groq", body=chat) == {"input-tokens": 2, "output-tokens": 4, "tokens": 6}
    response = {"type": "response.completed", "response": {"usage": {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}}}
    assert usage("openai", (None, response)) == {"input-tokens": 3, "output-tokens": 4, "tokens": 7}
    bedrock = {"usage": {"inputTokens": 5, "outputTokens": 6, "cacheReadInputTokens": 9, "cacheWriteInputTokens": 1}}
    assert usage("bedrock", body=bedrock) == {"input-tokens": 6, "output-tokens": 6}
    gemini = {"usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 4, "thoughtsTokenCount": 5, "totalTokenCount": 12}}
    assert usage("gemini", (None, gemini)) == {"input-tokens": 3, "output-tokens": 9, "tokens": 12}


def asked(body: Any, path: str = "/v1/messages") -> Any:
    return read("POST", path, json.dumps(body).encode())


def test_what_is_reserved() -> None:
    request = asked({"model": "m", "max_tokens": 4096, "messages": [{"role": "user", "content": "x" * 400}]})
    kinds = {"anthropic": 600, "openai": 4096, "azure": 4196, "groq": 600}
    for name, tokens in kinds.items():
        assert Plan(profile_of(name)).reserved(request, Typical(500))["tokens"] == tokens, name
    assert Plan(profile_of("bedrock")).reserved(request, Typical(500))["output"] == 4096
    assert Plan(profile_of("anthropic")).reserved(request, Typical(500)) == {"input": 100, "output": 500, "tokens": 600}
    assert Plan(profile_of("openai")).used({"tokens": 5}) == {}
    assert Plan(profile_of("anthropic")).used({"output-tokens": 5}) == {"output": 5}


def test_requests_are_read() -> None:
    system = [{"type": "text", "text": "y" * 4000, "cache_control": {"type": "ephemeral"}}]
    found = asked({"model": "m", "system": system, "messages": [{"role": "user", "content": [{"type": "text", "text": "x" * 40}]}]})
    assert (found.model, found.most, found.cached) == ("m", None, 1000)
    assert 1010 <= found.input <= 1015
    image = {"type": "image", "source": {"data": "z" * 100_000}}
    assert asked({"model": "m", "messages": [{"role": "user", "content": [image]}]}).input == 1600
    assert asked({"model": "m", "input": "x" * 40, "max_output_tokens": 7}, "/v1/responses").most == 7
    assert not asked({"model": "m", "input": "x"}, "/v1/embeddings").bears_output
    gemini = asked({"contents": [{"parts": [{"text": "x" * 40}]}], "generationConfig": {"maxOutputTokens": 9}}, "/v1beta/models/gemini-pro:generateContent")
    assert gemini is not None and (gemini.model, gemini.most, gemini.input) == ("gemini-pro", 9, 10)
    bedrock = asked({"messages": [], "inferenceConfig": {"maxTokens": 3}}, "/model/anthropic.claude/converse")
    assert (bedrock.model, bedrock.most) == ("anthropic.claude", 3)
    for path in ("/v1/messages/count_tokens", "/v1/messages/batches", "/v1/files"):
        assert asked({"model": "m"}, path) is None
    assert read("GET", "/v1/messages", b"{}") is None and read("POST", "/v1/messages", b"[") is None


def test_retry_of_a_body() -> None:
    detail = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "3.5s"}
    assert profile_of("gemini").body_hold_ms({"error": {"details": [{"@type": "x"}, detail]}}) == 3500
    for body in (None, [], {}, {"error": 5}, {"error": {"details": 5}}, {"error": {"details": [5]}}):
        assert profile_of("gemini").body_hold_ms(body) is None


LIMITS = [
    Limit("rpm", 1000, 60),
    Limit("tpm", 1000, 60, unit="tokens", algorithm="bucket", capacity=200),
    Limit("calls", 9, algorithm="inflight"),
]


@pytest.mark.parametrize(
    ("header", "margin", "found"),
    [
        ('"rpm";r=25;t=7', None, {"rpm": Left(-5, timedelta(seconds=7))}),
        ('"rpm";r=1000', 0.0, {"rpm": Left(1000)}),
        ('"rpm";r=1', 0.0015, {"rpm": Left(-1)}),  # -0.5, rounded down
        ('"tpm";r=200', None, {"tpm": Left(150)}),  # 5 % of the limit, and a quarter of the capacity
        ('"tpm";r=200', 0.5, {"tpm": Left(150)}),
        ('"tpm";r=200', 0.03, {"tpm": Left(170)}),
        ('"calls";r=3, "other";r=3', None, {}),
    ],
)
def test_what_a_key_is_told(header: str, margin: Any, found: Any) -> None:
    told = profile_of("ratelimit").read({"ratelimit": header})
    assert left_of(told, {limit.name: limit for limit in LIMITS}, margin) == found


def test_a_key_is_told_the_limit_of_the_provider() -> None:
    told = profile_of("anthropic").read({"anthropic-ratelimit-requests-remaining": "40", "anthropic-ratelimit-requests-limit": "500"})
    assert left_of(told, {"rpm": LIMITS[0]}) == {"rpm": Left(25, of=500)}


def test_unknown_profile() -> None:
    with pytest.raises(ValueError, match="anthropic"):
        profile_of("nobody")
