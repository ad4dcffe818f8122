"""A FastAPI application whose route is limited by the address of the client. Run it with `uvicorn fastapi_app:app`."""

import os

import redis_rl
from fastapi import Depends, FastAPI
from redis_rl.fastapi import RateLimit

app = FastAPI()
limiter = redis_rl.AsyncLimiter(os.environ.get("REDIS_URL", "redis://localhost"), fail="open")


@app.get("/", dependencies=[Depends(RateLimit(limiter, redis_rl.Slide(100, 60)))])
async def index() -> dict[str, str]:
    return {"hello": "world"}
