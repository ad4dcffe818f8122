"""Celery, with a real worker."""

from __future__ import annotations

import time
from typing import Any

import redis_rl
from celery import Celery
from celery.contrib.testing.worker import start_worker
from redis_rl import Slide
from redis_rl.celery import rate_limit
from servers import Server


def test_tasks_are_put_off(server: Server, key: str) -> None:
    app: Any = Celery("test", broker="memory://", backend="cache+memory://")
    app.conf.worker_proc_alive_timeout = 10
    limiter = redis_rl.Limiter(server.url)
    done: list[float] = []

    @app.task
    @rate_limit(limiter, Slide(2, 1), key=key)
    def work(number: int) -> int:
        done.append(time.monotonic())
        return number

    with start_worker(app, pool="solo", perform_ping_check=False, loglevel="error"):
        results = [work.delay(number) for number in range(5)]
        assert [result.get(timeout=30) for result in results] == [0, 1, 2, 3, 4]
    done.sort()
    assert all(later - earlier >= 0.99 for earlier, later in zip(done, done[2:]))
    limiter.close()


def test_key_by_arguments(server: Server, key: str) -> None:
    app: Any = Celery("test", broker="memory://", backend="cache+memory://")
    app.conf.task_always_eager = True
    limiter = redis_rl.Limiter(server.url)

    @app.task
    @rate_limit(limiter, Slide(1, 60), key=lambda user: f"{key}:{user}")
    def work(user: str) -> str:
        return user

    assert [work.delay(user).get() for user in ("ann", "bob")] == ["ann", "bob"]
    info = limiter.info(f"{key}:ann")
    assert info and info.used == 1
    limiter.close()
