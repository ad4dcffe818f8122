"""The limits that the files hold: `before` fills an empty server, `after` changes it.

An append-only file is rewritten between the two, so `before` is in its base and `after` in its increment.

Nothing here may expire, or change by itself, before August 2036. Some keys are asked as clients ask, with windows of
about ten years. Others, which need a short window or a month, are written by RL.APPLY for instants in 2050: a key's clock
never runs back, so until then each of them is decided for its own latest instant. Keys that are called `past` hold what
counts no more, and are kept by PERSIST.
"""

from resp import until

AHEAD = 2_524_608_000_000  # 2050-01-01
SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
# Windows of ten years that begin in October 2026, for RL.WINDOW and for a quota.
DECADE = "3650d OFFSET 2500d"
FIXED = "3650d WINDOW OFFSET 2500d"
FIXED_TOKENS = "3650d UNIT tokens WINDOW OFFSET 2500d"

BINARY = b"\x00\xff key\r\n\"\\*[]\xc3\xa4"
LONG = b"long:" + b"k" * 65

POLICIES = {
    "model": f"LIMIT rpm 100 3650d LIMIT tpm 90000 3650d UNIT tokens LIMIT day 5000 {FIXED} "
             "LIMIT burst 1 3650d UNIT tokens BUCKET 80000 LIMIT calls 20 INFLIGHT",
    "org": "LIMIT cents 500000 3650d UNIT cents WINDOW OFFSET 2500d",
    "replaced": "LIMIT old 5 3650d",
    "deleted": "LIMIT rpm 10 3650d LIMIT calls 2 INFLIGHT",
    "a.b:c-d_E9": "LIMIT month 10 1mo WINDOW OFFSET -8h LIMIT x 9007199254740991 1ms UNIT y.z BUCKET 9007199254740991",
}


def varint(number):
    parts = []
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


def string(data):
    return varint(len(data)) + data


def seq(parts):
    parts = list(parts)
    return varint(len(parts)) + b"".join(parts)


# How a limit of a quota counts, as the module writes it.
def slide(limit, window):
    return b"\x00" + varint(limit) + varint(window)


def window(limit, length, offset=0):  # length 0: a month
    return b"\x01" + varint(limit) + varint(length) + varint(offset * 2 if offset >= 0 else -offset * 2 - 1)


def bucket(capacity, refill, period):
    return b"\x02" + varint(capacity) + varint(refill) + b"\x00" + varint(period)


def inflight(limit):
    return b"\x03" + varint(limit)


def admission(limits, at, costs, reserved=None):
    """An admission to a quota, as the module writes it for replicas and files."""
    shape = b"\x00" + seq(string(name) + string(unit) + measure for name, unit, measure in limits)
    tail = b"\x00"
    if reserved:
        id, expires = reserved
        tail = b"\x01" + string(id) + varint(expires) + seq(varint(90 - cost) + varint(cost) for cost in costs)
    return b"\x00" + string(shape) + varint(at) + seq(map(varint, costs)) + tail


def spaced(client, key, count, step, words, cost=lambda index: 1):
    """Admissions every `step` ms, so many that they are sent without waiting for answers."""
    for begin in range(0, count, 500):
        part = range(begin, min(begin + 500, count))
        for index in part:
            client.send("RL.APPLY", key, f"slide {AHEAD + index * step} {cost(index)} {words}")
        for _ in part:
            assert client.receive() == "OK"


def before(client):
    for name, limits in POLICIES.items():
        client.line(f"RL.POLICY SET {name} {limits}")
    slides(client)
    windows(client)
    buckets(client)
    quotas(client)
    client.line("SELECT 3")
    client.line("RL.SLIDE slide:short 70 3650d COST 30")
    client.line("RL.QUOTA quota:policy POLICY model COST tokens 7 RESERVE 3650d ID call-1")
    client.line("SELECT 9")
    for key in BINARY, LONG, b"":
        client.do("RL.BUCKET", key, 9, 1, "3650d", "COST", 4)
    client.line("SELECT 0")


def slides(client):
    client.line("RL.SLIDE slide:short 100 3650d COST 7")
    client.line(f"RL.SLIDE slide:largest {2**53 - 1} 3650d COST {2**53 - 1}")
    client.line("RL.SLIDE slide:limit 100 3650d COST 60")
    client.line("RL.SLIDE slide:limit 80 3650d")  # another limit
    client.line("RL.SLIDE slide:longer 50 3650d COST 20")
    client.line("RL.SLIDE slide:longer 60 3640d COST 10")  # a shorter window: the longer one is remembered
    client.line("RL.SLIDE slide:empty 5 3650d COST 2")
    client.line("RL.REFUND slide:empty 2")
    client.line("RL.SLIDE slide:persist 5 3650d COST 2")
    client.line("PERSIST slide:persist")
    client.line("RL.SLIDE slide:expire 5 3650d COST 2")
    client.line(f"PEXPIREAT slide:expire {AHEAD}")
    client.line("RL.SLIDE slide:past 5 1 COST 2")
    client.line("PERSIST slide:past")
    # Instants and costs without a pattern: nothing is merged.
    for index in range(400):
        at, cost = AHEAD + index * 71 + index * index % 53, 1 + (index * index % 7 == 4) * (index % 300)
        client.do("RL.APPLY", "slide:dense", f"slide {at} {cost} 100000 {MINUTE}")
    # More instants than are kept: neighbours are merged, in the window in force and in the longer one before it.
    spaced(client, "slide:merged", 15_300, 2, f"20000 {MINUTE}", lambda index: 1 + (index % 4 == 0))
    spaced(client, "slide:merged:longer", 200, 200, f"20000 {HOUR}")
    spaced(client, "slide:merged:longer", 15_300, 200, f"20000 {SECOND}")


def windows(client):
    client.line(f"RL.WINDOW window:span 100 {DECADE} COST 7")
    client.line(f"RL.WINDOW window:limit 100 {DECADE} COST 70")
    client.line(f"RL.WINDOW window:limit 90 {DECADE} COST 1")  # another limit
    client.line(f"RL.WINDOW window:two 100 {DECADE} COST 7")
    client.line("RL.WINDOW window:two 90 3640d OFFSET 2500d COST 6")  # counted under both
    for key, words in {
        "window:day": f"7 500 {DAY} -28800000",
        "window:month": "7 500 1mo 0",
        "window:month:offset": "7 500 1mo -3600000",
    }.items():
        client.do("RL.APPLY", key, f"window {AHEAD + 12_345} {words}")
    client.do("RL.APPLY", "window:month:two", f"window {AHEAD + 1} 3 500 1mo 0")
    client.do("RL.APPLY", "window:month:two", f"window {AHEAD + 2} 4 400 {DAY} 3600000")
    client.line("RL.WINDOW window:past 5 1 COST 2")
    client.line("PERSIST window:past")
    client.line(f"RL.WINDOW window:empty 5 {DECADE} COST 5")
    client.line("RL.REFUND window:empty 5")


def buckets(client):
    client.line("RL.BUCKET bucket:whole 100 1 3650d COST 7")
    client.line("RL.BUCKET bucket:decimal 100 0.25 3650d COST 8")
    client.line("RL.BUCKET bucket:two 100 1 3650d COST 9")
    client.line("RL.BUCKET bucket:two 50 0.5 3650d COST 10")  # counted under both
    client.line("RL.BUCKET bucket:three 100 1 3650d COST 9")
    client.line("RL.BUCKET bucket:three 100 1 3640d COST 9")
    client.line("RL.BUCKET bucket:three 100 1 3630d COST 9")
    client.line("RL.BUCKET bucket:past 5 5 1 COST 2")
    client.line("PERSIST bucket:past")
    for step in range(5):
        client.do("RL.APPLY", "bucket:minute", f"bucket {AHEAD + step * 777} 9 50 8.33 {MINUTE}")
    client.do("RL.APPLY", "bucket:fine", f"bucket {AHEAD} 9 50 0.00625 {MINUTE}")
    client.line("RL.BUCKET bucket:empty 5 1 3650d COST 5")


def quotas(client):
    algorithms = (f"LIMIT s 100 3650d LIMIT w 90 {FIXED_TOKENS} "
                  "LIMIT b 1 3650d UNIT tokens BUCKET 80 LIMIT n 9 INFLIGHT")
    for id, tokens in ("one", 10), ("two", 20), ("three", 3), ("four", 0):
        client.line(f"RL.QUOTA quota:spelled {algorithms} COST tokens {tokens} RESERVE 3650d ID {id}")
    for id in "call-1", "call-2", "call-3", "call-4":
        client.line(f"RL.QUOTA quota:policy POLICY model COST tokens 500 COST requests 2 RESERVE 3650d ID {id}")
    client.do("RL.QUOTA", "quota:policy", "POLICY", "model", "RESERVE", "3650d", "ID", BINARY)
    client.line("RL.QUOTA quota:policy POLICY model RESERVE 3650d")  # an id of the server's own
    client.line("RL.QUOTA quota:deleted POLICY deleted RESERVE 3650d ID kept")
    client.line("RL.QUOTA quota:replaced POLICY replaced COST requests 2")
    # Limits that are not named any more, and what a reservation took of them.
    client.line("RL.QUOTA quota:retired LIMIT a 10 3650d LIMIT b 40 3640d UNIT tokens LIMIT c 5 INFLIGHT "
                "COST tokens 3 RESERVE 3650d ID first")
    client.line("RL.QUOTA quota:retired LIMIT a 10 3650d LIMIT d 1 3650d BUCKET 20 RESERVE 3650d ID second")
    # One name, counted by each algorithm in turn.
    for id, limit in ("s", "10 3650d"), ("w", f"10 {FIXED}"), ("b", "1 3650d BUCKET 20"):
        client.line(f"RL.QUOTA quota:algorithms LIMIT a {limit} RESERVE 3650d ID {id}")
    # Other numbers, and those before.
    for limits in (f"LIMIT s 10 3650d LIMIT w 10 {FIXED} LIMIT b 1 3650d BUCKET 20",
                   "LIMIT s 20 3640d LIMIT w 20 3640d WINDOW OFFSET 2500d LIMIT b 1 3640d BUCKET 30"):
        client.line(f"RL.QUOTA quota:numbers {limits} COST requests 2")
    names = ["n" * 64, *"bcdefghijklmnop"]
    sixteen = " ".join(f"LIMIT {name} {index + 5} 3650d UNIT u{index}" for index, name in enumerate(names))
    client.line(f"RL.QUOTA quota:sixteen {sixteen} COST u3 2 COST u15 4")
    client.line("RL.QUOTA quota:past LIMIT s 10 3650d LIMIT n 2 INFLIGHT RESERVE 1ms ID gone")
    limits = [
        (b"rpm", b"requests", slide(90, MINUTE)),
        (b"month", b"tokens", window(90, 0, -8 * HOUR)),
        (b"burst", b"tokens", bucket(90, 30, MINUTE)),
        (b"calls", b"requests", inflight(20)),
    ]
    for index in range(6):
        change = admission(limits, AHEAD + index * 7, [1, 2, 2, 1], (b"id%d" % index, AHEAD + DAY + index))
        client.do("RL.APPLY", "quota:ahead", "quota", change)
    client.do("RL.APPLY", "quota:ahead", "quota", admission(limits[:3], AHEAD + 99, [1, 5, 5]))


def after(client, other):
    """`other` is a second client, which waits."""
    client.line("RL.POLICY SET replaced LIMIT new 50 3650d LIMIT old 6 3650d")
    client.line("RL.POLICY SET added LIMIT n 20 INFLIGHT")
    client.line("RL.POLICY DEL deleted")
    client.line("RL.SLIDE slide:short 100 3650d")
    client.line("RL.SLIDE slide:new 100 3650d COST 3")
    client.line(f"RL.WINDOW window:span 100 {DECADE} COST 2")
    client.line("RL.BUCKET bucket:decimal 100 0.25 3650d COST 2")
    for key in "slide:short", "window:span", "bucket:whole":
        client.line(f"RL.REFUND {key} 3")
    client.do("RL.APPLY", "slide:merged", f"slide {AHEAD + 40_000} 5 20000 {MINUTE}")
    client.do("RL.APPLY", "bucket:minute", f"refund {AHEAD + 4_000} 2")
    client.do("RL.APPLY", "window:month", f"window {AHEAD + 20_000} 1 500 1mo 0")
    # Reservations: settled below, at and above the estimate, given back, renewed.
    client.line("RL.SETTLE quota:spelled one COST tokens 4")
    client.line("RL.CANCEL quota:spelled two")
    client.line("RL.SETTLE quota:policy call-1 COST tokens 700")
    client.line("RL.RENEW quota:policy call-2 3649d")
    client.line("RL.CANCEL quota:policy call-3")
    client.line("RL.QUOTA quota:policy POLICY model COST tokens 30 RESERVE 3650d ID call-5")
    client.line("RL.SETTLE quota:retired first COST tokens 2")
    client.line("RL.QUOTA quota:replaced POLICY replaced")
    client.line("RL.MQUOTA 2 quota:policy quota:org POLICY model org COST cents 12 COST tokens 5 RESERVE 3650d ID both")
    # Several commands at one instant, and a script.
    client.do("MULTI")
    client.line("RL.SLIDE multi:slide 10 3650d COST 2")
    client.line("RL.BUCKET multi:bucket 10 1 3650d COST 2")
    client.line("RL.QUOTA multi:quota POLICY model RESERVE 3650d ID m")
    client.do("EXEC")
    client.do("EVAL", "return redis.call('RL.SLIDE', KEYS[1], 10, '3650d', 'COST', 4)", 1, "script:slide")
    # A client that waits, and is admitted when cost is refunded.
    client.line("RL.SLIDE slide:waited 5 3650d COST 5")
    other.send(*"RL.SLIDE slide:waited 5 3650d COST 2 WAIT 60".split())
    until("a client waits", lambda: b"rl_waiting_normal:1" in client.do("INFO", "everything"))
    client.line("RL.REFUND slide:waited 3")
    assert other.receive()[0] == 1
    # What the server does with any key.
    client.line("RENAME window:limit window:renamed")
    client.line("COPY quota:spelled quota:copied")
    client.line("MOVE multi:slide 3")
    client.line("DEL bucket:empty")
    client.line("SELECT 3")
    client.line("RL.SLIDE slide:short 70 3650d COST 3")
    client.line("RL.SETTLE quota:policy call-1")
    client.line("SELECT 9")
    client.do("RL.BUCKET", BINARY, 9, 1, "3650d")
    client.line("SELECT 0")
