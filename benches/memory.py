#!/usr/bin/env python3
"""Measures the memory of a key by the number of requests it has admitted, and the memory of a million keys.

    benches/memory.py [--most 1000000]

The bytes of a key are the growth of `used_memory`, divided by the number of keys. They include names of 13 bytes, the server's
own data for a key, and expiries. The entries of a sliding window are spread evenly over its 60 seconds, at different whole
milliseconds. If a command takes the time of an admission, the time is given. A quota is filled in real time.
"""

import os
import re
import sys
import tempfile
import time

import commands
from commands import K, Command
from server import Server, build_load, median, parser

ENTRIES = (1, 6, 60, 500, 10_000)
WINDOW = 60_000
WINDOWS = "RL.POLICY SET windows LIMIT rpm 1000000 60 WINDOW LIMIT tpm 8000000 60 UNIT tokens WINDOW LIMIT tpd 20000000 1d UNIT tokens WINDOW"

# No key expires within the measurement, except for RL.SLIDE, whose window is measured.
SET = Command("SET key value EX", "", f"SET {K} value EX 86400")
SLIDE = Command("RL.SLIDE", "", f'RL.APPLY {K} "slide {{at}} 1 500 60000"')
ONE = [
    Command("RL.BUCKET", "", f"RL.BUCKET {K} 1000000 1 1d"),
    Command("RL.WINDOW", "", f"RL.WINDOW {K} 1000000 1d"),
    Command("RL.QUOTA by POLICY, three WINDOW limits", "", f"RL.QUOTA {K} POLICY windows COST tokens 5"),
]
QUOTA = Command("RL.QUOTA by POLICY, two SLIDE limits and one WINDOW", "", commands.QUOTA.line)
LUA_SLIDE = Command("sorted set in Lua", "", commands.sorted_set(commands.ROOM), peer=True)
LIST = Command("limits moving window", "", commands.call("limits_moving", [K], f"{{now}} {commands.ROOM} 86400 1"), peer=True)
GROWING = [LUA_SLIDE, LIST]  # a member for each request
PEERS = [
    Command("INCR, EXPIRE", "", f"INCR {K}; EXPIRE {K} 86400", peer=True),
    Command("bucket of two keys in Lua", "", commands.two_keys(commands.ROOM, 0.001), peer=True),
    Command("GCRA in Lua", "", f"EVALSHA {commands.sha('gcra')} 1 {K} {commands.ROOM} 1 3600 1", peer=True),
    Command("three counters in Lua", "", commands.counters(commands.ROOM), peer=True),
    Command("redis_rate (GCRA)", "", commands.call("redis_rate", [K], f"{commands.ROOM} 1 3600 1"), peer=True),
    Command("upstash sliding window", "", commands.upstash_slide(commands.ROOM), peer=True),
    Command("upstash token bucket", "", commands.call("upstash_bucket", [K], f"{commands.ROOM} 3600000 1 {{at}} 1"), peer=True),
    Command("limits fixed window", "", commands.call("limits_fixed", [K], "86400 1"), peer=True),
    Command("LiteLLM, three limits", "", commands.call("litellm_batch", commands.WINDOWED, "{now} 86400"), peer=True),
]
CELL = Command("CL.THROTTLE (redis-cell)", "", f"CL.THROTTLE {K} 1000000 1 3600", peer=True)
SHIELD = Command("SHIELD.ABSORB (redis-shield)", "", f"SHIELD.ABSORB {K} 1000000 86400", peer=True)
SLIDE_OF_A_DAY = Command("RL.SLIDE, one entry", "", f"RL.SLIDE {K} 500 1d")


def peers(options):
    return PEERS + ([CELL] if options.redis_cell else []) + ([SHIELD] if options.redis_shield else [])


def used(server):
    """Returns used_memory, after the buffers of closed connections are freed and growing tables have moved."""
    before, now = None, int(server.info()["used_memory"])
    while before is None or abs(now - before) > 1_000:
        time.sleep(0.5)
        before, now = now, int(server.info()["used_memory"])
    return now


def bytes_of(server, command, entries, keys):
    server.ask("FLUSHALL")
    before = used(server)
    begin, span = ("paced", WINDOW if entries > 1 else 0) if command is QUOTA else (int(time.time() * 1000), WINDOW)
    server.load("fill", keys, entries, begin, span, command.line)
    made = server.ask("DBSIZE")
    if made % keys:
        sys.exit(f"{command}: {made} keys instead of {keys}")
    return round((used(server) - before) / keys)


def measure_keys(options):
    build_load()
    rows = []
    with Server(options) as server:
        server.prepare()
        server.ask(*WINDOWS.split())
        for command in [SET, SLIDE, *ONE, QUOTA, *GROWING, *peers(options)]:
            row = {"title": command.name, "peer": command.peer}
            for entries in ENTRIES:
                # A key that holds one number takes no more memory for more requests.
                if entries > 1 and (command is SET or command in peers(options)):
                    continue
                # Large keys take long to make, and fewer of them are enough.
                large = 1_000 if command in (QUOTA, *GROWING) else 10_000
                keys = {500: large, 10_000: large // 10}.get(entries, 10_000)
                row[str(entries)] = bytes_of(server, command, entries, keys)
            rows.append(row)
            print("  ".join(f"{row.get(str(entries), '–'):>9}" for entries in ENTRIES), command, flush=True)
        return server.version(), rows


def rss(server):
    with open(f"/proc/{server.process.pid}/status") as file:
        return int(re.search(r"VmRSS:\s+(\d+) kB", file.read())[1]) * 1024


def measure_many(options, keys):
    """Returns a row for each command: bytes and resident bytes of a key, its bytes in the RDB file, and seconds to save and load all."""
    build_load()
    measured = [SET, *ONE, SLIDE_OF_A_DAY] + ([CELL] if options.redis_cell and keys <= 1_000_000 else [])
    if keys <= 1_000_000:
        measured.insert(5, PEERS[1])
    else:
        measured = [SET, ONE[0]]
    with tempfile.TemporaryDirectory(prefix="measured-") as all_of_them:
        rows = []
        for number, command in enumerate(measured):
            folder = os.path.join(all_of_them, str(number))
            os.mkdir(folder)
            with Server(options, folder=folder) as server:
                server.prepare()
                server.ask(*WINDOWS.split())
                before, resident = used(server), rss(server)
                server.load("fill", keys, 1, int(time.time() * 1000), 0, command.line)
                row = {"title": command.name, "peer": command.peer, "bytes": (used(server) - before) / keys}
                row["resident"] = (rss(server) - resident) / keys
                begin = time.time()
                server.ask("SAVE")
                row["save"] = time.time() - begin
                row["file"] = os.path.getsize(os.path.join(folder, "dump.rdb")) / keys
                row["keys"], row["loads"] = server.ask("DBSIZE"), []
                if row["keys"] % keys:
                    sys.exit(f"{command}: {row['keys']} keys instead of {keys}")
                rows.append(row)
        # The loads are compared, so they take turns.
        for _ in range(3):
            for number, row in enumerate(rows):
                with Server(options, folder=os.path.join(all_of_them, str(number))) as server:
                    if server.ask("DBSIZE") != row["keys"]:
                        sys.exit(f"{row['title']}: not all keys were loaded")
                    with open(f"{server.folder}/log") as log:
                        row["loads"].append(float(re.findall(r"DB loaded from disk: ([\d.]+) seconds", log.read())[-1]))
        for row in rows:
            row["load"] = median(row.pop("loads"))
            del row["keys"]
            print(
                f"{row['bytes']:7.1f} bytes {row['resident']:7.1f} resident {row['file']:6.1f} in the file"
                f" {row['save']:6.2f} s to save {row['load']:6.2f} s to load  {row['title']}",
                flush=True,
            )
    return rows


def options(parser):
    parser.add_argument("--most", type=int, default=10_000_000, help="keys of the largest measurement")


if __name__ == "__main__":
    own = parser(__doc__)
    options(own)
    own = own.parse_args()
    measure_keys(own)
    for keys in (1_000_000, 10_000_000):
        if keys <= own.most:
            print(f"{keys:,} keys")
            measure_many(own, keys)
