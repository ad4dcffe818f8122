"""POST /v1/chat/completions, as OpenAI's: what it counts, its headers, JSON and streams."""

import time

from aiohttp import web

from http_parts import read, sse, stream


def period(seconds):
    """Formats a period as OpenAI's headers do: 12ms, 1.5s, 6m0s."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes)}m{rest:.3g}s" if minutes else f"{rest:.3f}".rstrip("0").rstrip(".") + "s"


def headers(provider, model):
    found = {}
    for unit in ("requests", "tokens"):
        meter = provider.models[model].get(unit)
        if meter:
            now = provider.now()
            found[f"x-ratelimit-limit-{unit}"] = str(int(meter.limit))
            found[f"x-ratelimit-remaining-{unit}"] = str(max(0, int(meter.room(now))))
            found[f"x-ratelimit-reset-{unit}"] = period(meter.reset(now))
    return found


def routes(app, provider):
    async def completions(request):
        body, texts, job = await read(request)
        model = body["model"]
        if model not in provider.models:
            return web.json_response({"error": {"code": "model_not_found", "message": model}}, status=404)
        given = sum(map(len, texts)) // 4
        most = body.get("max_completion_tokens") or body.get("max_tokens") or 16
        entry, wait = provider.decide(model, {"requests": 1, "tokens": max(given, most)}, request)
        entry["job"] = job
        if entry["status"] != 200:
            if entry["status"] == 529:
                return web.json_response({"error": {"message": "overloaded"}}, status=503)
            error = {"error": {"code": "rate_limit_exceeded", "type": "requests", "message": "Rate limit reached"}}
            return web.json_response(error, status=429, headers=headers(provider, model) | provider.retry_after(wait))
        told = headers(provider, model)
        answer = {"id": f"chatcmpl-{job}", "created": int(time.time()), "model": model}
        usage = {"prompt_tokens": given, "completion_tokens": 0, "total_tokens": given}
        if body.get("stream"):
            return await stream(request, told, events(provider, entry, job, answer, usage))
        produced = [tokens async for tokens in provider.produce(entry, job)]
        count(usage, sum(produced))
        message = {"role": "assistant", "content": "word " * len(produced)}
        answer |= {"object": "chat.completion", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}
        return web.json_response(answer, headers=told)

    app.router.add_post("/v1/chat/completions", completions)


def count(usage, tokens):
    usage["completion_tokens"] = tokens
    usage["total_tokens"] = usage["prompt_tokens"] + tokens


async def events(provider, entry, job, answer, usage):
    answer["object"] = "chat.completion.chunk"
    total = 0
    async for tokens in provider.produce(entry, job):
        total += tokens
        delta = {"role": "assistant", "content": "word "}
        yield sse("", {**answer, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    yield sse("", {**answer, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    count(usage, total)
    yield sse("", {**answer, "choices": [], "usage": usage})
    yield sse("", "[DONE]")
