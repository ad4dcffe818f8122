"""Rate limits with redis-py. Its function `execute_command` sends any command.

REDIS_URL is the address of the server. REDIS_PROTOCOL=3 selects RESP3. REDIS_CLUSTER=yes selects a cluster.
"""

import os
import time
import uuid

from redis import Redis, RedisCluster
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError, TimeoutError
from redis.retry import Retry

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
AWAY_URL = os.environ.get("REDIS_AWAY_URL", "redis://127.0.0.1:1")  # no server answers here
PROTOCOL = int(os.environ.get("REDIS_PROTOCOL", "2"))
CLUSTER = os.environ.get("REDIS_CLUSTER") == "yes"


def connect(timeout):
    """Returns a client that waits up to `timeout` seconds for a reply."""
    kind = RedisCluster if CLUSTER else Redis
    return kind.from_url(URL, protocol=PROTOCOL, socket_timeout=timeout, decode_responses=True)


def tell(name, reply):
    allowed, limit, remaining, retry_ms, _reset_ms = reply
    verdict = f"admitted, {remaining} of {limit} left" if allowed else f"denied, ask again in {retry_ms} ms"
    print(f"{name}: {verdict}")


def slide(r, key):
    """Admits at most 3 requests in any 60 seconds."""
    tell("slide", r.execute_command("RL.SLIDE", key, 3, 60))


def bucket(r, key):
    """Admits bursts of 2 requests, and one more request every 60 seconds."""
    tell("bucket", r.execute_command("RL.BUCKET", key, 2, 1, 60))


def reserve(r, run, tokens):
    """Reserves a call at the first model that has room. Returns its key and the reservation, or None."""
    for model in ("large", "small"):
        key = f"example:{run}:{model}"
        allowed, _retry_ms, blocking, _limits, reservation = r.execute_command(
            "RL.QUOTA", key,
            "LIMIT", "rpm", 10, 60,
            "LIMIT", "tpm", 5000, 60, "UNIT", "tokens",
            "LIMIT", "calls", 5, "INFLIGHT",
            "COST", "tokens", tokens,
            "RESERVE", 60,
        )
        if allowed:
            print(f"quota: {model} takes it")
            return key, reservation
        print(f"quota: {model} is full ({', '.join(blocking)})")
    return None


def settle(r, key, reservation, used):
    """Reports the real cost of the call. The rest is free again."""
    r.execute_command("RL.SETTLE", key, reservation, "COST", "tokens", used)
    print(f"settle: {used} tokens used")


def wait(r, key):
    """Waits in line for up to 10 seconds, before waiters of lower lanes. The timeout of `r` must be longer."""
    r.execute_command("RL.SLIDE", key, 1, 3)
    began = time.monotonic()
    allowed, *_ = r.execute_command("RL.SLIDE", key, 1, 3, "WAIT", 10, "PRIORITY", "HIGH")
    verdict = "admitted" if allowed else "denied"
    print(f"wait: {verdict} after {(time.monotonic() - began) * 1000:.0f} ms in line")


def may_i(r, key, *, if_away):
    """Returns true if the call may proceed. `if_away` is the choice for when Redis cannot be asked: "admit" or "refuse"."""
    try:
        allowed, *_ = r.execute_command("RL.SLIDE", key, 100, 60)
    except (ConnectionError, TimeoutError):
        return if_away == "admit"
    return allowed == 1


def main():
    run = uuid.uuid4().hex[:8]
    r = connect(timeout=2)

    for _ in range(4):
        slide(r, f"example:{run}:slide")
    for _ in range(3):
        bucket(r, f"example:{run}:bucket")

    large = reserve(r, run, 4000)
    small = reserve(r, run, 4000)
    settle(r, *large, used=800)
    again = reserve(r, run, 4000)
    settle(r, *small, used=3000)
    settle(r, *again, used=4200)  # the excess over the reservation also counts

    wait(connect(timeout=12), f"example:{run}:wait")

    away = Redis.from_url(AWAY_URL, socket_timeout=1, socket_connect_timeout=1, retry=Retry(NoBackoff(), 0))
    for choice, if_away in (("open", "admit"), ("closed", "refuse")):
        verdict = "admitted" if may_i(away, f"example:{run}:away", if_away=if_away) else "refused"
        print(f"away, fail {choice}: {verdict}")


main()
