"""The systems that the lab compares: each module has classes, one for a way to call a provider from many processes.

A class has `start()`, and `call(text, lane)`, which returns True if the job was done. SYSTEMS names them in the order of the tables.
"""

from . import aiolimiter_each, limits_lib, litellm_router, ours, plain, pyrate, seed, seed_queue, throttle

SYSTEMS = {
    "nothing": plain.Nothing,
    "sdk": plain.Sdk,
    "sdk-10": plain.Sdk10,
    "limiter-each": aiolimiter_each.Each,
    "limiter-share": aiolimiter_each.Share,
    "seed-1-fixed": seed.FixedWindow,
    "seed-2-sliding": seed.SlidingWindow,
    "seed-3-bucket": seed.Bucket,
    "seed-4-coordinator": seed.Coordinator,
    "seed-5-quotas": seed.Quotas,
    "seed-6-lanes": seed_queue.Lanes,
    "litellm": litellm_router.Router,
    "token-throttle": throttle.Throttle,
    "limits": limits_lib.Limits,
    "pyrate-limiter": pyrate.Pyrate,
    "redis-rl": ours.Ours,
}
