#!/usr/bin/env python3
"""Measures the processor time of one server for one request, in µs.

    benches/cpu.py [--rounds 7] [--seconds 0.3] [--throttlecrab throttlecrab-server]

50 connections, each with 1 or 16 pipelined requests, use random keys out of 20,000 existing keys. In each round the commands take
turns. The speed of a shared machine changes over time, so a figure is the median of the rounds, with the lowest and the highest.
Requests per second are not given: on a shared machine they are those of the clients and the other users as well. One processor
answers at most a million divided by the µs.

throttlecrab-server is a server of its own. It is measured over TCP, with SET and RL.BUCKET of a Redis server over TCP beside it.
"""

import socket
import subprocess
import time

import commands
from commands import K, Command
from server import Server, build_load, median, parser
from setups import free_port

KEYS, CONNECTIONS, PIPELINES = 20_000, 50, (1, 16)
# THROTTLE takes key, burst, tokens gained in a period, period in seconds. With a burst of 1, throttlecrab-server 0.4.40 denies nobody.
THROTTLE = [
    Command("THROTTLE (throttlecrab)", "admitted", f"THROTTLE {K} {commands.ROOM} 1000 1", peer=True),
    Command("THROTTLE (throttlecrab)", "denied", f"THROTTLE {K} 2 1 86400", peer=True),
]


def measured(options):
    left_out = ("RL.SETTLE", "RL.MQUOTA", "then DECR", "a new key")
    # Denied commands that differ only in words are left out.
    wanted = commands.OURS + commands.peers(options)
    wanted = [command for command in wanted if not any(word in command.line + command.name for word in left_out)]
    return [commands.SET] + [c for c in wanted if c.outcome != "denied" or c.name in ("RL.BUCKET", "RL.SLIDE", "sorted set in Lua")]


def measure(options):
    """Returns the server, and a row for each command: for each pipeline, µs of processor time."""
    build_load()
    found = {}  # by command and pipeline: the µs of each round
    with Server(options) as server:
        server.prepare()
        for number in range(options.rounds):
            for command in measured(options):
                server.ask("FLUSHALL")
                server.load("fill", KEYS, 1, "paced", 0, command.made_by)
                for pipeline in PIPELINES:
                    done = server.load("closed", KEYS, options.seconds, CONNECTIONS, pipeline, command.line)
                    found.setdefault((command.title, pipeline), []).append(done["cpu"] / done["requests"] * 1e6)
            print(f"round {number + 1} of {options.rounds}", flush=True)
        version = server.version()
    return version, [row(command, found) for command in measured(options)]


def measure_tcp(options):
    """Returns the rows of the comparison with throttlecrab-server over TCP, or none if its program was not given."""
    if not options.throttlecrab:
        return []
    build_load()
    found = {}
    ours, theirs = free_port(), free_port()
    program = [options.throttlecrab, "--redis", "--redis-host", "127.0.0.1", "--redis-port", str(theirs), "--log-level", "error"]
    with Server(options, f"--port {ours}") as server, subprocess.Popen(program, stdout=subprocess.DEVNULL) as crab:
        try:
            wait_for_port(theirs, crab)
            to_server, to_crab = f"127.0.0.1:{ours}@{server.process.pid}", f"127.0.0.1:{theirs}@{crab.pid}"
            turns = [(to_server, command) for command in (commands.SET, commands.BUCKET, commands.OURS[3])]
            turns += [(to_crab, command) for command in THROTTLE]
            for number in range(options.rounds):
                for to, command in turns:
                    server.ask("FLUSHALL")
                    for pipeline in PIPELINES:
                        # Keys of a denied command are used up in the warm-up.
                        line = command.line.replace("key:", f"{pipeline}:{number}:{command.outcome}:")
                        done = server.load("closed", 200, options.seconds, CONNECTIONS, pipeline, line, to=to)
                        found.setdefault((command.title, pipeline), []).append(done["cpu"] / done["requests"] * 1e6)
                print(f"round {number + 1} of {options.rounds}, over TCP", flush=True)
        finally:
            crab.kill()
    return [row(command, found) for _, command in turns]


def wait_for_port(port, process):
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if process.poll() is not None:
                raise SystemExit("throttlecrab-server did not start") from None
            time.sleep(0.05)


def row(command, found):
    row = {"title": command.title, "peer": command.peer}
    for pipeline in PIPELINES:
        of = found[command.title, pipeline]
        row[str(pipeline)] = {"cpu": median(of), "least": min(of), "most": max(of)}
    print("  ".join("{cpu:6.2f} ({least:.2f} to {most:.2f}) µs".format(**row[str(p)]) for p in PIPELINES), command)
    return row


def options(parser):
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.3, help="of each measurement")


if __name__ == "__main__":
    own = parser(__doc__)
    options(own)
    own = own.parse_args()
    measure(own)
    measure_tcp(own)
