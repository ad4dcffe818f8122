"""The commands to measure: those of this module, and those of other rate limiters on a Redis server.

A command may contain these placeholders:

- `{key}`: a number of nine digits, so that `key:{key}` has the 13 bytes with which memory is measured
- `{now}`, `{at}`: the caller's clock in seconds, and in milliseconds
- `{id}`: a number that no other request has

`; ` separates commands that are sent together and make one request.
"""

import hashlib
import os

FOLDER = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(FOLDER)


class Command:
    """`name` is the name in tables, `outcome` the expected answer. `peer` is true for a command of another limiter. `idle` is true
    if a key must be idle for some milliseconds between two requests. `says` checks the reply. Without it, a reply that begins with 1
    or 0 shows whether the request was admitted."""

    def __init__(self, name, outcome, line, made_by=None, peer=False, idle=False, says=None):
        self.name, self.outcome, self.line, self.peer, self.idle, self.says = name, outcome, line, peer, idle, says
        self.made_by = made_by or line  # makes the keys of a command that makes none itself

    @property
    def has_many_keys(self):
        """Its keys are in several slots of a cluster."""
        return self.line.startswith("RL.MQUOTA")

    def is_expected(self, reply):
        if self.says:
            return self.says(reply)
        said = {"admitted": 1, "denied": 0}.get(self.outcome)
        return said is None or "MULTI" in self.line or "CL." in self.line or not isinstance(reply, list) or reply[0] == said

    @property
    def title(self):
        return f"{self.name}, {self.outcome}" if self.outcome else self.name

    def __repr__(self):
        return self.title


def script(name):
    with open(os.path.join(FOLDER, "peers", name + ".lua")) as file:
        return file.read()


def sha(name):
    return hashlib.sha1(script(name).encode()).hexdigest()


def limits(rpm):
    """Two sliding windows and a fixed window, as a caller of an LLM uses them."""
    return f"LIMIT rpm {rpm} 60 LIMIT tpm 8000000 60 UNIT tokens LIMIT tpd 20000000 1d UNIT tokens WINDOW"


K = "key:{key}"
ROOM = 1_000_000
POLICIES = [f"RL.POLICY SET roomy {limits(ROOM)}", f"RL.POLICY SET narrow {limits(1)}"]
SCRIPTS = sorted(file.removesuffix(".lua") for file in os.listdir(os.path.join(FOLDER, "peers")))

SET = Command("SET key value EX 60", "", f"SET {K} value EX 60")
BUCKET = Command("RL.BUCKET", "admitted", f"RL.BUCKET {K} {ROOM} 1 60")
WINDOW = Command("RL.WINDOW", "admitted", f"RL.WINDOW {K} {ROOM} 60")
SLIDE = Command("RL.SLIDE", "admitted", f"RL.SLIDE {K} {ROOM} 60")
QUOTA = Command("RL.QUOTA by POLICY", "admitted", f"RL.QUOTA {K} POLICY roomy COST tokens 5")
# Each request finds a full bucket, which gains 1,000 a second: the key then holds nothing that a new key would not. With a period of
# eight minutes it lives on for a minute. With a second, the count would depend on how many seconds a run takes.
FULL = Command("RL.BUCKET, full again", "admitted", f"RL.BUCKET {K} 100 480000 8m", idle=True)
# A bucket that no request has used for a while: its key has expired.
NEW = Command("RL.BUCKET, a new key", "admitted", "RL.BUCKET key:{id} 100 480000 8m")
OURS = [
    BUCKET,
    WINDOW,
    SLIDE,
    Command("RL.BUCKET", "denied", f"RL.BUCKET {K} 1 1 1d"),
    Command("RL.WINDOW", "denied", f"RL.WINDOW {K} 1 1d"),
    Command("RL.SLIDE", "denied", f"RL.SLIDE {K} 1 1d"),
    Command("RL.PEEK", "of RL.SLIDE", f"RL.PEEK {K}", made_by=SLIDE.line),
    QUOTA,
    Command("RL.QUOTA spelled out", "admitted", f"RL.QUOTA {K} {limits(ROOM)} COST tokens 5"),
    Command("RL.QUOTA by POLICY", "denied", f"RL.QUOTA {K} POLICY narrow COST tokens 5"),
    Command("RL.QUOTA spelled out", "denied", f"RL.QUOTA {K} {limits(1)} COST tokens 5"),
    Command(
        "RL.QUOTA with RESERVE, then RL.SETTLE",
        "both calls",
        f"RL.QUOTA {K} POLICY roomy COST tokens 5 RESERVE 60 ID a; RL.SETTLE {K} a COST tokens 3",
    ),
    Command(
        "RL.MQUOTA, three keys with three limits each",
        "admitted",
        "RL.MQUOTA 3 key:{key} team:{key} org:{key} POLICY roomy roomy roomy COST tokens 5",
    ),
    FULL,
    NEW,
]
# The commands that are also counted with a replica and in a cluster.
PLAIN = [BUCKET, WINDOW, SLIDE, QUOTA]

SET_NEW = Command("SET key value EX 60, a new key", "", "SET key:{id} value EX 60", peer=True)

# Callers put the number of the window into the keys of their counters. The values do not matter.
MINUTE, DAY = "29400000", "20416"
THREE = f"rpm:{{key}}:{MINUTE} tpm:{{key}}:{MINUTE} tpd:{{key}}:{DAY}".split()
SORTED_SET, TWO_KEYS = (f"EVALSHA {sha(name)}" for name in ("sorted_set", "two_keys"))


def sorted_set(limit):
    return f"{SORTED_SET} 1 {K} {{now}} 60 {limit} {{id}}"


def two_keys(capacity, rate):
    return f"{TWO_KEYS} 2 {K}:tokens {K}:last_refill {{now}} {capacity} {rate} 1"


def counters(rpm):
    return f"EVALSHA {sha('counters')} 3 {' '.join(THREE)} {rpm} 1 60 8000000 5 60 20000000 5 86400"


def call(name, keys, words):
    return f"EVALSHA {sha(name)} {len(keys)} {' '.join(keys)} {words}"


def upstash_slide(limit):
    return call("upstash_slide", [f"{K}:{MINUTE}", f"{K}:{int(MINUTE) - 1}"], f"{limit} {{at}} 60000 1")


def litellm_check(rpm):
    return call("litellm_check", WINDOWED, f"{rpm} 1 60 8000000 5 60 20000000 5 86400")


def is_nothing(reply):
    return reply is None


def is_over(reply):
    return reply[0] == -1


def has_room(reply):
    return reply[0] >= 0


# For each of three limits, the begin of its window, and its counter.
WINDOWED = [f"{what}:{K}:{part}" for what in ("rpm", "tpm", "tpd") for part in ("window", "count")]

LUA_SLIDE = Command("sorted set in Lua", "admitted", sorted_set(ROOM), peer=True)
LUA_BUCKET = Command("bucket of two keys in Lua", "admitted", two_keys(ROOM, 8.33), peer=True)
GCRA = Command("GCRA in Lua", "admitted", f"EVALSHA {sha('gcra')} 1 {K} {ROOM} 1000 1 1", peer=True)
PEERS = [
    Command("INCR, EXPIRE", "", f"INCR {K}; EXPIRE {K} 60", peer=True),
    Command("INCR, EXPIRE in MULTI", "admitted", f"MULTI; INCR {K}; EXPIRE {K} 120; EXEC", peer=True),
    Command("INCR, EXPIRE in MULTI, then DECR", "denied", f"MULTI; INCR {K}; EXPIRE {K} 120; EXEC; DECR {K}", peer=True),
    LUA_SLIDE,
    Command("sorted set in Lua", "denied", sorted_set(1), peer=True),
    LUA_BUCKET,
    Command("bucket of two keys in Lua", "denied", two_keys(1, 0.00001), peer=True),
    GCRA,
    Command("GCRA in Lua", "denied", f"EVALSHA {sha('gcra')} 1 {K} 1 1 86400 1", peer=True),
    Command(
        "three counters in MULTI",
        "admitted",
        "MULTI; INCR {0}; EXPIRE {0} 120; INCRBY {1} 5; EXPIRE {1} 120; INCRBY {2} 5; EXPIRE {2} 172800; EXEC".format(*THREE),
        peer=True,
    ),
    Command("three counters in Lua", "admitted", counters(ROOM), peer=True),
    Command("three counters in Lua", "denied", counters(1), peer=True),
]
# Scripts of libraries, written anew from what those do.
LIBRARIES = [
    Command("redis_rate (GCRA)", "admitted", call("redis_rate", [K], f"{ROOM} 1000 1 1"), peer=True),
    Command("redis_rate (GCRA)", "denied", call("redis_rate", [K], "1 1 86400 1"), peer=True),
    Command("upstash sliding window", "admitted", upstash_slide(ROOM), peer=True, says=has_room),
    Command("upstash sliding window", "denied", upstash_slide(1), peer=True, says=is_over),
    Command("upstash token bucket", "admitted", call("upstash_bucket", [K], f"{ROOM} 1000 1 {{at}} 1"), peer=True, says=has_room),
    Command("upstash token bucket", "denied", call("upstash_bucket", [K], "1 86400000 1 {at} 1"), peer=True, says=is_over),
    Command("limits moving window", "admitted", call("limits_moving", [K], f"{{now}} {ROOM} 60 1"), peer=True),
    Command("limits moving window", "denied", call("limits_moving", [K], "{now} 1 60 1"), peer=True, says=is_nothing),
    Command("limits fixed window", "", call("limits_fixed", [K], "60 1"), peer=True),
    Command("LiteLLM, three limits", "", call("litellm_batch", WINDOWED, "{now} 60"), peer=True),
    Command("LiteLLM check, three limits", "admitted", litellm_check(ROOM), peer=True, says=lambda reply: reply[0] == 0),
    Command("LiteLLM check, three limits", "denied", litellm_check(1), peer=True, says=lambda reply: reply[:2] == [1, 1]),
]
CELL = [
    Command("CL.THROTTLE (redis-cell)", "admitted", f"CL.THROTTLE {K} {ROOM} 1000 1", peer=True),
    Command("CL.THROTTLE (redis-cell)", "denied", f"CL.THROTTLE {K} 0 1 86400", peer=True),
]
SHIELD = [
    Command("SHIELD.ABSORB (redis-shield)", "admitted", f"SHIELD.ABSORB {K} {ROOM} 60", peer=True),
    Command("SHIELD.ABSORB (redis-shield)", "denied", f"SHIELD.ABSORB {K} 1 86400", peer=True),
]


def peers(options):
    """The other limiters that this run can measure."""
    return PEERS + LIBRARIES + (CELL if options.redis_cell else []) + (SHIELD if options.redis_shield else [])
