"""Limits for Celery tasks.

    @app.task
    @rate_limit(limiter, redis_rl.Slide(500, 60), key="api:mail")
    def send(to): ...

A task that is not admitted is put off with `retry`, for as long as the limit says; it takes no worker meanwhile. So many such tasks may
come back in any order. With `wait` the worker stands in line first, by lanes and in order.
"""

from __future__ import annotations

import functools
from typing import Any, Callable, Optional, TypeVar, Union, cast

from celery import current_task

from ._sync.limiter import Limiter, Priority
from .durations import Duration
from .errors import Denied
from .rules import Rule

__all__ = ["rate_limit"]

FOREVER = 10**9

Task = TypeVar("Task", bound=Callable[..., Any])


def rate_limit(
    limiter: Limiter,
    rule: Rule,
    *,
    key: Union[str, Callable[..., str], None] = None,
    cost: int = 1,
    wait: Optional[Duration] = None,
    priority: Priority = None,
) -> Callable[[Task], Task]:
    """Limits a task. `key` is a key or a function of the task's arguments; without it, it is the task's name."""

    def decorate(task: Task) -> Task:
        @functools.wraps(task)
        def limited(*args: Any, **kwargs: Any) -> Any:
            current: Any = current_task
            name = key(*args, **kwargs) if callable(key) else key or f"task:{current.name}"
            decision = limiter.ask(name, rule, cost=cost, wait=wait, priority=priority)
            if decision:
                return task(*args, **kwargs)
            if decision.retry_after is None:
                raise Denied(decision)
            # However often it is put off, it does not fail for that.
            countdown = max(0.001, decision.retry_after.total_seconds())
            raise current.retry(countdown=countdown, max_retries=FOREVER)

        return cast(Task, limited)

    return decorate
