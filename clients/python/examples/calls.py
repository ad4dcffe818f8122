"""Each call of a limiter, once. `REDIS_URL` names the server."""

import os

import redis_rl
from redis_rl import Left, Limit

with redis_rl.Limiter(os.environ.get("REDIS_URL", "redis://localhost")) as limiter:
    print(limiter.slide("example:slide", 500, 60))
    print(limiter.window("example:day", 10_000, "1d", offset="-8h"))
    print(limiter.window("example:month", 100_000, "1mo"))
    print(limiter.bucket("example:burst", 50, 500, 60))
    print(limiter.slide("example:slide", 500, 60, cost=3, wait=5, priority="high"))

    print(limiter.peek("example:slide", 400))
    print(limiter.refund("example:slide", 3))
    print(limiter.info("example:slide"))

    limits = [Limit("rpm", 1000, 60), Limit("tpm", 80_000, "1m", unit="tokens"), Limit("calls", 20, algorithm="inflight")]
    limiter.policy_set("example", limits)
    print(limiter.policies(), limiter.policy_get("example"))
    decision = limiter.quota("example:quota", "example", cost={"tokens": 500}, reserve=60, id="call-1")
    print(decision, decision.limits["tpm"].remaining)
    print(limiter.renew("example:quota", "call-1", 60), limiter.settle("example:quota", "call-1", {"tokens": 420}))

    print(limiter.mquota({"{acme}:org": "example", "{acme}:ann": "example"}, reserve=60, id="call-2"))
    print(limiter.cancel("{acme}:org", "call-2"), limiter.cancel("{acme}:ann", "call-2"))

    print(limiter.sync("example:quota", {"rpm": Left(900, 30), "tpm": Left(60_000)}))
    print(limiter.hold("example:quota", 20), limiter.hold("example:quota", 0))
    print(limiter.top("denied", 5))
    print(limiter.policy_delete("example"), limiter.degraded)
