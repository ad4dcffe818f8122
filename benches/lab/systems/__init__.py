"""The systems that the lab compares: each module has classes, one for a way to call a provider from many processes.

A class has `start()`, and `call(text, lane)`, which returns True if the job was done. SYSTEMS names the module and the class of each, in
the order of the tables. A module is imported only if its system is used, so only that system's library must be installed.
"""

import importlib

SYSTEMS = {
    "nothing": "plain.Nothing",
    "sdk": "plain.Sdk",
    "sdk-10": "plain.Sdk10",
    "limiter-each": "aiolimiter_each.Each",
    "limiter-share": "aiolimiter_each.Share",
    "seed-1-fixed": "seed.FixedWindow",
    "seed-2-sliding": "seed.SlidingWindow",
    "seed-3-bucket": "seed.Bucket",
    "seed-4-coordinator": "seed.Coordinator",
    "seed-5-quotas": "seed.Quotas",
    "seed-6-lanes": "seed_queue.Lanes",
    "litellm": "litellm_router.Router",
    "token-throttle": "throttle.Throttle",
    "limits": "limits_lib.Limits",
    "pyrate-limiter": "pyrate.Pyrate",
    "redis-rl": "ours.Ours",
}


def load(name):
    """Returns the class of a system."""
    module, _, kind = SYSTEMS[name].partition(".")
    return getattr(importlib.import_module(f".{module}", __package__), kind)
