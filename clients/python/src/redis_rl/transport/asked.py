"""What a request to a provider asks for: its model, the most output, and an estimate of the input. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Mapping, Optional

BYTES_PER_TOKEN = 4
IMAGE_TOKENS = 1600
"""Of an image, whose bytes say nothing about its tokens."""

_PATHS = re.compile(r"/(?:deployments|models?)/([^/:]+)")
_UNCOUNTED = re.compile(r"/(?:count_tokens|batches|files)(?:/|$)|:countTokens$")
_HOSTS = {
    "anthropic.com": "anthropic",
    "azure.com": "azure",
    "openai.com": "openai",
    "groq.com": "groq",
    "mistral.ai": "mistral",
    "openrouter.ai": "openrouter",
    "googleapis.com": "gemini",
    "amazonaws.com": "bedrock",
}
_MOST = ("max_completion_tokens", "max_output_tokens", "max_tokens", "maxOutputTokens", "maxTokens", "max_tokens_to_sample")
_NO_TEXT = {"model", "type", "role", "id", "tool_use_id", "tool_call_id", "media_type", "mimeType"}


@dataclass(frozen=True)
class Asked:
    """`most` is None if the request does not bound its output. `cached` is the part of `input` that is marked for the cache."""

    model: str
    input: int
    most: Optional[int]
    cached: int
    body: Mapping[str, Any]
    bears_output: bool = True


def profile_name(host: str, path: str) -> str:
    """Guesses the provider by the host, else by the path.

    >>> profile_name("api.groq.com", "/openai/v1/chat/completions"), profile_name("localhost", "/v1/messages")
    ('groq', 'anthropic')
    """
    for end, name in _HOSTS.items():
        if host == end or host.endswith("." + end):
            return name
    if path.endswith("/messages"):
        return "anthropic"
    return "openai" if path.endswith(("/completions", "/responses", "/embeddings")) else "ratelimit"


def read(method: str, path: str, content: bytes) -> Optional[Asked]:
    """Reads a request; None if it is not one that a model answers.

    >>> read("POST", "/v1/messages", b'{"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "12345678"}]}').input
    2
    """
    if method != "POST" or _UNCOUNTED.search(path):
        return None
    try:
        body = json.loads(content)
    except ValueError:
        return None
    if not isinstance(body, dict):
        return None
    found = _PATHS.search(path)
    model = body.get("model") if isinstance(body.get("model"), str) else found[1] if found else None
    if not model:
        return None
    sizes = _Sizes()
    sizes.add({name: part for name, part in body.items() if name not in ("metadata", "user", "tool_choice", "response_format")})
    config: Mapping[str, Any] = next((body[name] for name in ("generationConfig", "inferenceConfig") if isinstance(body.get(name), dict)), {})
    most = next((each[name] for each in (body, config) for name in _MOST if _is_count(each.get(name))), None)
    return Asked(model, sizes.tokens(), most, sizes.cached_tokens(body), body, not path.endswith("/embeddings"))


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


class _Sizes:
    """Adds up the text of a body."""

    def __init__(self) -> None:
        self.bytes = 0
        self.images = 0

    def tokens(self) -> int:
        return -(-self.bytes // BYTES_PER_TOKEN) + self.images * IMAGE_TOKENS

    def add(self, value: Any) -> None:
        if isinstance(value, str):
            self.bytes += len(value.encode("utf-8", "replace"))
        elif isinstance(value, list):
            for each in value:
                self.add(each)
        elif isinstance(value, dict):
            if _is_image(value):
                self.images += 1
                return
            for name, each in value.items():
                if name not in _NO_TEXT:
                    self.add(each)

    @staticmethod
    def cached_tokens(body: Mapping[str, Any]) -> int:
        """Returns the tokens up to the last part that is marked with `cache_control`, in the provider's order."""
        parts = [part for name in ("tools", "system") for part in _list(body.get(name))]
        for message in _list(body.get("messages")):
            parts += _list(message.get("content")) if isinstance(message, dict) else []
        last = max((at for at, part in enumerate(parts) if isinstance(part, dict) and part.get("cache_control")), default=-1)
        sizes = _Sizes()
        for part in parts[: last + 1]:
            sizes.add({name: each for name, each in part.items() if name != "cache_control"} if isinstance(part, dict) else part)
        return sizes.tokens()


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _is_image(value: Mapping[str, Any]) -> bool:
    return value.get("type") in ("image", "image_url", "input_image", "document", "file", "input_audio") or "inlineData" in value
