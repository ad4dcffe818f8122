"""POST /generate: a provider that tells nothing of its limits but `retry-after`, and answers with JSON."""

from aiohttp import web

from http_parts import read


def routes(app, provider):
    async def generate(request):
        body, texts, job = await read(request)
        given = sum(map(len, texts)) // 4
        model = body["model"]
        entry, wait = provider.decide(model, {"requests": 1, "tokens": given + body.get("max_tokens", 16)}, request)
        entry["job"] = job
        if entry["status"] == 529:
            return web.json_response({"error": "overloaded"}, status=529)
        if entry["status"] == 429:
            return web.json_response({"error": "too many requests"}, status=429, headers=provider.retry_after(wait))
        produced = sum([tokens async for tokens in provider.produce(entry, job)])
        return web.json_response({"text": "word " * 3, "tokens": given + produced})

    app.router.add_post("/generate", generate)
