#!/usr/bin/env python3
"""Measures the cost of a command by the number of keys, and by the number of requests that its key has admitted.

    benches/growth.py [--most 10000000]

By keys: the processor time of the server, with 16 requests in a pipeline, on random keys out of all keys. Each command has its
own server, and the servers are measured in turn at each size. SET shows the cost of the server's own table as it grows.

By the log: the instructions of RL.SLIDE on 100 keys, or fewer where they are large. Their windows of an hour hold this many
admissions, spread evenly. The keys are made on another server and copied (DUMP, RESTORE).
"""

import random
import time

import commands
from commands import K, Command
from instructions import count_calls, run, start
from server import Server, build_load, median, parser

KEYS = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
ROUNDS, SECONDS, CONNECTIONS, PIPELINE = 5, 0.4, 50, 16
ENTRIES = (10, 100, 1_000, 10_000, 100_000, 1_000_000)
COPIES, CALLS, HOUR = 100, 4_000, 3_600_000

OF_KEYS = [
    Command("SET key value EX", "", f"SET {K} value EX 86400"),
    Command("RL.BUCKET", "admitted", f"RL.BUCKET {K} 1000000 1 1d"),
    Command("RL.WINDOW", "admitted", f"RL.WINDOW {K} 1000000 1d"),
    Command("RL.SLIDE", "admitted", f"RL.SLIDE {K} 1000000 1d"),
]


def measure_keys(options):
    """Returns a row for each command: µs by the number of keys, with the lowest and the highest of the rounds."""
    build_load()
    servers = [Server(options, peers=False) for _ in OF_KEYS]
    rows = [{"title": command.title, "peer": command.peer} for command in OF_KEYS]
    try:
        for keys in KEYS:
            if keys > options.most:
                break
            for server, command in zip(servers, OF_KEYS):
                server.load("fill", keys, 1, "paced", 0, command.line)
            costs = [[] for _ in OF_KEYS]
            for _ in range(ROUNDS):
                for server, command, cost in zip(servers, OF_KEYS, costs):
                    done = server.load("closed", keys, SECONDS, CONNECTIONS, PIPELINE, command.line)
                    cost.append(done["cpu"] / done["requests"] * 1e6)
            for row, cost in zip(rows, costs):
                row[str(keys)] = {"cpu": median(cost), "least": min(cost), "most": max(cost)}
            print(f"{keys:10,} keys", "  ".join(f"{row[str(keys)]['cpu']:.2f} µs {row['title']}" for row in rows), flush=True)
    finally:
        for server in servers:
            server.end()
    return rows


def payload(options, entries, line):
    """Returns a key as DUMP gives it. Its window of an hour ends now and holds this many entries."""
    with Server(options) as server:
        server.prepare()
        server.load("fill", 1, entries, int(time.time() * 1000) - HOUR + 60_000, HOUR - 60_000, line)
        return server.ask("DUMP", "key:000000000")


def restored(options, entries, line, counted):
    """Returns the instructions of each of these commands on such keys."""
    dump = payload(options, entries, line)
    with start(options) as server:
        copies = min(COPIES, max(1, 500_000 // entries))
        for key in range(copies):
            server.ask("RESTORE", f"key:{key:09}", str(HOUR), dump)
        dice = random.Random(1)
        keys = [dice.randrange(copies) for _ in range(CALLS)]
        costs = []
        for command in counted:
            run(server.client, command, keys[:500])
            costs.append(count_calls(server, command, keys)[0])
        return costs


def measure_log(options):
    """Returns a row for each command: instructions by the number of admissions."""
    build_load()
    apply = f'RL.APPLY {K} "slide {{at}} 1 1000000000 {HOUR}"'
    add = commands.LUA_SLIDE.line.replace(" 60 ", " 3600 ")
    titles = [
        ("RL.SLIDE, admitted", False),
        ("RL.SLIDE, denied", False),
        ("RL.SLIDE, denied, half must leave", False),
        ("sorted set in Lua, admitted", True),
    ]
    rows = [{"title": title, "peer": peer} for title, peer in titles]
    for entries in ENTRIES:
        # Denied requests come first: an admission makes the log longer.
        lines = [f"RL.SLIDE {K} {limit} 1h" for limit in (entries, max(1, entries // 2), 1_000_000_000)]
        denied, half, admitted = restored(options, entries, apply, lines)
        costs = [admitted, denied, half]
        if entries <= 100_000:
            costs += restored(options, entries, add, [add])
        for row, cost in zip(rows, costs):
            row[str(entries)] = round(cost)
        print(f"{entries:10,} entries", "  ".join(f"{cost:9,.0f} {title}" for cost, (title, _) in zip(costs, titles)), flush=True)
    return rows


def options(parser):
    parser.add_argument("--most", type=int, default=10_000_000, help="keys of the largest measurement")


if __name__ == "__main__":
    own = parser(__doc__)
    options(own)
    own = own.parse_args()
    measure_log(own)
    measure_keys(own)
