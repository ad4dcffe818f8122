"""FastAPI, Starlette and Flask, with the real packages."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import redis_rl
from fastapi import Depends, FastAPI
from flask import Flask
from redis_rl import Limit, Quota, Slide
from redis_rl.fastapi import RateLimit, RateLimitMiddleware
from redis_rl.flask import limit_app, rate_limit
from servers import Server

NUMBERS = {"RateLimit": '"default";r=1;t=60', "RateLimit-Policy": '"default";q=2;w=60'}


async def get(app: Any, path: str = "/", **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        return await client.get(path, headers=headers)


def routes(key: str, limiter: redis_rl.AsyncLimiter, rule: Any = Slide(2, 60), **options: Any) -> FastAPI:
    app = FastAPI()

    @app.get("/", dependencies=[Depends(RateLimit(limiter, rule, key=lambda request: key, **options))])
    async def index() -> dict[str, bool]:
        return {"ok": True}

    return app


async def test_fastapi_dependency(server: Server, key: str) -> None:
    async with redis_rl.AsyncLimiter(server.url) as limiter:
        app = routes(key, limiter)
        first = await get(app)
        assert first.json() == {"ok": True}
        assert {name: first.headers[name] for name in NUMBERS} == NUMBERS
        assert (await get(app)).status_code == 200
        third = await get(app)
        assert third.status_code == 429
        assert 55 <= int(third.headers["retry-after"]) <= 60
        assert third.headers["ratelimit"].startswith('"default";r=0;t=')


async def test_fastapi_middleware(server: Server, key: str) -> None:
    async with redis_rl.AsyncLimiter(server.url) as limiter:
        app = FastAPI()
        app.add_middleware(RateLimitMiddleware, limiter=limiter, rule=Slide(2, 60), key=lambda request: request.headers.get("x-user") and key + request.headers["x-user"])
        app.get("/")(lambda: {"ok": True})
        assert [(await get(app, **{"x-user": "ann"})).status_code for _ in range(3)] == [200, 200, 429]
        assert (await get(app, **{"x-user": "bob"})).headers["ratelimit"] == NUMBERS["RateLimit"]
        # Without a key there is no limit.
        free = await get(app)
        assert free.status_code == 200 and "ratelimit" not in free.headers


async def test_fastapi_quota(server: Server, key: str) -> None:
    async with redis_rl.AsyncLimiter(server.url) as limiter:
        app = routes(key, limiter, Quota(limits=[Limit("minute", 2, 60), Limit("day", 10, "1d")]))
        response = await get(app)
        assert response.headers["ratelimit"] == '"minute";r=1;t=60, "day";r=9;t=86400'
        assert response.headers["ratelimit-policy"] == '"minute";q=2;w=60, "day";q=10;w=86400'


@pytest.mark.parametrize(("fail", "status"), [("open", 200), ("closed", 503)])
async def test_fastapi_without_a_server(fail: Any, status: int) -> None:
    with Server() as gone:
        url = gone.url
    async with redis_rl.AsyncLimiter(url, fail=fail) as limiter:
        response = await get(routes("k", limiter))
        assert response.status_code == status
        assert "ratelimit" not in response.headers


def test_flask_view(server: Server, key: str) -> None:
    limiter, app = redis_rl.Limiter(server.url), Flask(__name__)

    @app.get("/")
    @rate_limit(limiter, Slide(2, 60), key=lambda: key)
    def index() -> str:
        return "ok"

    client = app.test_client()
    first = client.get("/")
    assert (first.status_code, first.text) == (200, "ok")
    assert {name: first.headers[name] for name in NUMBERS} == NUMBERS
    client.get("/")
    third = client.get("/")
    assert third.status_code == 429 and third.json == {"detail": "rate limited"}
    assert 55 <= int(third.headers["Retry-After"]) <= 60
    limiter.close()


def test_flask_application(server: Server, key: str) -> None:
    limiter, app = redis_rl.Limiter(server.url), Flask(__name__)
    limit_app(app, limiter, Slide(2, 60), key=lambda: key)
    app.get("/")(lambda: "ok")
    client = app.test_client()
    assert [client.get("/").status_code for _ in range(3)] == [200, 200, 429]
    limiter.close()
