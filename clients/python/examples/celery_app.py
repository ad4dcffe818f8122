"""A task that runs at most 500 times a minute, whatever the number of workers. Run it with `celery -A celery_app worker`."""

import os

import redis_rl
from celery import Celery
from redis_rl.celery import rate_limit

url = os.environ.get("REDIS_URL", "redis://localhost")
app = Celery("example", broker=url)
limiter = redis_rl.Limiter(url)


@app.task
@rate_limit(limiter, redis_rl.Slide(500, 60), key="api:mail")
def send(to: str) -> None:
    print("sent to", to)
