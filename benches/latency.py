#!/usr/bin/env python3
"""Measures the latency of requests at a fixed rate: p50, p99 and p99.9.

    benches/latency.py [--runs 5] [--seconds 4] [--share 0.5]

The rate is half of the highest rate at which the server answers `SET key value EX 60` with the same 50 connections and one
request in each. The due times of the requests are random, but fixed beforehand and the same in all runs. The latency of a
request is counted from its due time. The clients do not wait for answers. In each run the commands take turns. A figure is the
median of the runs.

The sender does nothing but wait for the due times. If it still sends late, the machine was busy with other work. A measurement
whose p99 of this delay is more than half a millisecond is repeated, up to five times.
"""

import commands
from server import Server, build_load, median, parser

KEYS, CONNECTIONS = 100_000, 50
LATE, TRIES = 500, 5  # µs
FIELDS = ("p50", "p99", "p99.9", "sent late p99")


def measured(options):
    cell = commands.CELL[:1] if options.redis_cell else []
    ours = [commands.SLIDE, commands.BUCKET, commands.WINDOW, commands.QUOTA]
    return [commands.SET, *ours, *cell, commands.LUA_SLIDE, commands.LUA_BUCKET]


def measure(options):
    """Returns the server, the rate, and a row for each command. A row has no figures if the server did not keep up."""
    build_load()
    runs, most = [], []
    with Server(options) as server:
        server.prepare()
        for _ in range(3):
            done = server.load("closed", KEYS, 1, CONNECTIONS, 1, commands.SET.line)
            most.append(done["requests"] / done["seconds"])
        rate = round(options.share * median(most))
        for number in range(options.runs):
            runs.append({})
            for command in measured(options):
                runs[number][command.title] = undisturbed(server, command, rate, options.seconds)
            print(f"run {number + 1} of {options.runs}", flush=True)
        version = server.version()
    rows = []
    for command in measured(options):
        of = [run[command.title] for run in runs]
        row = {"title": command.title, "peer": command.peer}
        # With a backlog of a quarter of a second, the server does not keep up.
        if all(of) and median(run["p50"] for run in of) < 250_000:
            row |= {field: median(run[field] for run in of) for field in FIELDS}
        rows.append(row)
        print("  ".join(f"{field} {row[field]:9,.1f}" for field in FIELDS if field in row) or "does not keep up", command)
    return version, rate, rows


def undisturbed(server, command, rate, seconds):
    """Returns the first undisturbed try, or else the least disturbed try."""
    tries = []
    while len(tries) < TRIES and not any(one["sent late p99"] < LATE for one in tries):
        server.ask("FLUSHALL")
        server.load("fill", KEYS, 1, "paced", 0, command.made_by)
        done = server.load("open", KEYS, seconds, CONNECTIONS, rate, command.line)
        if done is None:
            return None
        tries.append(done)
    return min(tries, key=lambda one: one["sent late p99"])


def options(parser):
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4, help="of each measurement")
    parser.add_argument("--share", type=float, default=0.5, help="share of the highest rate of the server")


if __name__ == "__main__":
    own = parser(__doc__)
    options(own)
    measure(own.parse_args())
