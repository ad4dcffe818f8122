"""POST /v1/messages, as Anthropic's: what it counts, its headers, JSON and streams."""

from aiohttp import web

from http_parts import read, rfc3339, sse, stream


def headers(provider, model):
    found = {}
    for unit, name in (("requests", "requests"), ("input", "input-tokens"), ("output", "output-tokens")):
        meter = provider.models[model].get(unit)
        if meter:
            now = provider.now()
            found[f"anthropic-ratelimit-{name}-limit"] = str(int(meter.limit))
            found[f"anthropic-ratelimit-{name}-remaining"] = str(max(0, int(meter.room(now))))
            found[f"anthropic-ratelimit-{name}-reset"] = rfc3339(meter.reset(now))
    return found


def cached(body):
    """Returns the tokens that are read from the cache: those of a system prompt that is marked for it."""
    system = body.get("system") or []
    return sum(len(part["text"]) // 4 for part in system if part.get("cache_control")) if isinstance(system, list) else 0


def routes(app, provider):
    async def messages(request):
        body, texts, job = await read(request)
        model = body["model"]
        if model not in provider.models:
            error = {"type": "error", "error": {"type": "not_found_error", "message": f"model: {model}"}}
            return web.json_response(error, status=404)
        # Tokens that are read from the cache do not count.
        tokens = sum(map(len, texts)) // 4
        entry, wait = provider.decide(model, {"requests": 1, "input": tokens}, request)
        entry["job"] = job
        if entry["status"] != 200:
            kind = "rate_limit_error" if entry["status"] == 429 else "overloaded_error"
            error = {"type": "error", "error": {"type": kind, "message": "Number of requests or tokens has exceeded your rate limit"}}
            told = headers(provider, model) | provider.retry_after(wait) if entry["status"] == 429 else {}
            return web.json_response(error, status=entry["status"], headers=told)
        usage = {"input_tokens": tokens, "cache_creation_input_tokens": 0, "cache_read_input_tokens": cached(body), "output_tokens": 1}
        message = {"id": f"msg_{job}", "type": "message", "role": "assistant", "model": model, "content": [], "stop_reason": None}
        message |= {"stop_sequence": None, "usage": usage}
        told = headers(provider, model)
        if body.get("stream"):
            return await stream(request, told, events(provider, entry, job, message))
        produced = [tokens async for tokens in provider.produce(entry, job)]
        usage["output_tokens"] = sum(produced)
        message |= {"content": [{"type": "text", "text": "word " * len(produced)}], "stop_reason": "end_turn"}
        return web.json_response(message, headers=told)

    app.router.add_post("/v1/messages", messages)


async def events(provider, entry, job, message):
    yield sse("message_start", {"type": "message_start", "message": message})
    yield sse("content_block_start", {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})
    total = 0
    async for tokens in provider.produce(entry, job):
        total += tokens
        delta = {"type": "text_delta", "text": "word "}
        yield sse("content_block_delta", {"type": "content_block_delta", "index": 0, "delta": delta})
    yield sse("content_block_stop", {"type": "content_block_stop", "index": 0})
    end = {"stop_reason": "end_turn", "stop_sequence": None}
    yield sse("message_delta", {"type": "message_delta", "delta": end, "usage": {"output_tokens": total}})
    yield sse("message_stop", {"type": "message_stop"})
