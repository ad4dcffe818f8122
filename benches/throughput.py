#!/usr/bin/env python3
"""Measures requests per second and processor time per request of one server, compared with `SET key value EX 60`.

    benches/throughput.py [--rounds 5] [--seconds 0.3]

50 connections, each with 1, 16 or 64 pipelined requests, use random keys out of 20,000 existing keys. In each round the commands
take turns, and SET is measured again beside each of them. The speed of a shared machine changes over time, but it is then the
same for both. A figure is the median of the rounds. A ratio is the median of the rounds' ratios.
"""

import commands
from server import Server, build_load, median, parser

KEYS, CONNECTIONS, PIPELINES = 20_000, 50, (1, 16, 64)


def measured(options):
    left_out = ("RL.SETTLE", "RL.MQUOTA", "then DECR")
    # Denied commands that differ only in words are left out.
    wanted = [command for command in commands.OURS + commands.peers(options) if not any(word in command.line + command.name for word in left_out)]
    return [commands.SET] + [c for c in wanted if c.outcome != "denied" or c.name in ("RL.BUCKET", "RL.SLIDE", "sorted set in Lua")]


def measure(options):
    """Returns the server, and a row for each command: for each pipeline, requests per second and µs of processor time,
    and their ratios to SET."""
    build_load()
    found = {}  # by command and pipeline: for each round, its figures and those of SET beside it
    beside = commands.SET.line.replace("key:", "set:")
    with Server(options) as server:
        server.prepare()

        def once(line, pipeline):
            done = server.load("closed", KEYS, options.seconds, CONNECTIONS, pipeline, line)
            return done["requests"] / done["seconds"], done["cpu"] / done["requests"] * 1e6

        for number in range(options.rounds):
            for command in measured(options):
                server.ask("FLUSHALL")
                for line in (beside, command.made_by):
                    server.load("fill", KEYS, 1, "paced", 0, line)
                for pipeline in PIPELINES:
                    figures = once(command.line, pipeline), once(beside, pipeline)
                    found.setdefault((command.title, pipeline), []).append(figures)
            print(f"round {number + 1} of {options.rounds}", flush=True)
        version = server.version()
    rows = [row(command, {pipeline: found[command.title, pipeline] for pipeline in PIPELINES}) for command in measured(options)]
    return version, rows


def row(command, found):
    row = {"title": command.title, "peer": command.peer}
    for pipeline, of in found.items():
        row[str(pipeline)] = {
            "per second": median(done for (done, _), _ in of),
            "cpu": median(cpu for (_, cpu), _ in of),
            "per second to SET": median(done / other for (done, _), (other, _) in of),
            "cpu to SET": median(cpu / other for (_, cpu), (_, other) in of),
        }
    print("  ".join(f"{row[str(p)]['per second']:9,.0f}/s {row[str(p)]['cpu']:6.2f} µs {row[str(p)]['cpu to SET']:5.2f}" for p in PIPELINES), command)
    return row


def options(parser):
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.3, help="of each measurement")


if __name__ == "__main__":
    own = parser(__doc__)
    options(own)
    measure(own.parse_args())
