#!/usr/bin/env python3
"""Compares rl-coordinator over HTTP with throttlecrab-server, which answers one bucket a key over HTTP from memory.

    cargo install throttlecrab-server
    benches/http_peers.py [--rounds 5] [--seconds 3] [--connections 64] [--keys 100000] [--before PROGRAM]
    benches/http_peers.py --instructions [--keys 100000] [--before PROGRAM]

Each server decides requests of its own JSON interface in memory. Connections are kept, and limits are so high that every
request is admitted. The servers take turns: a round starts each of them, fills it for two seconds, and measures it. A figure is
the median of the rounds. A ratio is the median of the rounds' ratios to throttlecrab.

One thread has a processor of its own, and wrk has the other. Two threads share both processors with wrk, so their requests per
second are not what two free processors would answer. Processor time is the server's own time plus the system's time for it.
It hardly depends on the other load of the machine, unlike requests per second.

--before also measures another build of rl-coordinator. --instructions counts instead, with callgrind, the instructions of a
request outside the system: they are the same on a busy machine.
"""

import argparse
import os
import random
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile

from coordinator import Server

# The method, the headers and the bodies. wrk makes all requests before it starts, and sends them in a random order.
SCRIPT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local requests = {}
function init()
  math.randomseed(%(seed)d)
  for at = 1, %(keys)d do requests[at] = wrk.format(nil, nil, nil, (([[%(body)s]]):gsub("KEY", string.format("%%06d", at)))) end
end
function request() return requests[math.random(%(keys)d)] end
"""

# What each server is asked: the path and the body.
CRAB = "/throttle", '{"key": "user:KEY", "max_burst": 1000000000, "count_per_period": 1000000000, "period": 60}'
ASKED = {
    "slide": ("/v1/slide", '{"key": "user:KEY", "limit": 1000000000, "window": 60}'),
    "bucket": ("/v1/bucket", '{"key": "user:KEY", "capacity": 1000000000, "refill": 1000000000, "period": 60}'),
}


def servers(options):
    """Returns the name, the command and the question of each server. Its number of threads is put in later."""
    crab = [options.throttlecrab, "--http", "--http-host", "127.0.0.1", "--http-port", "{port}", "--log-level", "error"]
    yield "throttlecrab", ["env", "TOKIO_WORKER_THREADS={threads}", *crab], CRAB
    programs = {"before": options.before, "now": options.program}
    for when, program in programs.items():
        for name, asked in ASKED.items() if program else ():
            suffix = f", {when}" if options.before else ""
            yield f"rl-coordinator, {name}{suffix}", [program, "--listen", "127.0.0.1:{port}", "--config", "{config}"], asked


def prepare(command, threads, work):
    """Returns the command for a number of threads."""
    config = os.path.join(work, "rl-coordinator.toml")
    with open(config, "w") as file:
        file.write(f"threads = {threads}\n")
    return [word.replace("{threads}", str(threads)).replace("{config}", config) for word in command]


def measure(options, command, asked, keys, threads, work):
    """Returns requests per second and processor time per request in µs."""
    path, body = asked
    script = os.path.join(work, "requests.lua")
    with open(script, "w") as file:
        file.write(SCRIPT % {"body": body, "keys": keys, "seed": 1})
    cpus = sorted(os.sched_getaffinity(0))
    own, others = (cpus[0], cpus[1]) if threads == 1 else (f"{cpus[0]},{cpus[1]}",) * 2
    with Server(prepare(command, threads, work), own) as server:
        server.load(argparse.Namespace(connections=options.connections, seconds=options.fill), others, script, path)
        rate, _, took = server.load(options, others, script, path)
    return rate, took


def instructions(options, command, asked, keys, work):
    """Returns the instructions that a request takes outside the system, on one thread."""
    path, body = asked
    out = os.path.join(work, "callgrind.out")
    command = prepare(command, 1, work)
    at = 2 if command[0] == "env" else 0  # what valgrind runs follows the environment
    valgrind = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={out}"]
    with Server(command[:at] + valgrind + command[at:], sorted(os.sched_getaffinity(0))[0]) as server:
        clients = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(8)]

        def send(numbers):
            for at in range(0, len(numbers), len(clients)):
                some = numbers[at : at + len(clients)]
                for client, number in zip(clients, some):
                    text = body.replace("KEY", f"{number:06}")
                    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Type: application/json\r\n"
                    client.sendall(f"{head}Content-Length: {len(text)}\r\n\r\n{text}".encode())
                for client, _ in zip(clients, some):
                    if not client.recv(4_096).startswith(b"HTTP/1.1 200"):
                        sys.exit(f"{command[-1]} does not admit a request")

        control = lambda *words: subprocess.run(["callgrind_control", *words, str(server.process.pid)], check=True, capture_output=True)
        send(range(1, max(keys, 1_000) + 1) if keys > 1 else [1] * 1_000)
        control("-i", "on")
        send(random.Random(1).choices(range(1, keys + 1), k=80))
        control("-z")
        send(random.Random(2).choices(range(1, keys + 1), k=options.requests))
        control("-d")
        for client in clients:
            client.close()
    with open(f"{out}.1") as file:
        counted = re.search(r"^(?:totals|summary): (\d+)", file.read(), re.MULTILINE)
    return int(counted[1]) / options.requests


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seconds", type=int, default=3)
    options.add_argument("--fill", type=int, default=2, help="seconds of load before a server is measured")
    options.add_argument("--connections", type=int, default=64)
    options.add_argument("--keys", type=int, default=100_000)
    options.add_argument("--threads", type=int, nargs="*", default=[1, 2])
    options.add_argument("--instructions", action="store_true", help="count instructions with callgrind instead")
    options.add_argument("--requests", type=int, default=4_000, help="requests whose instructions are counted")
    options.add_argument("--before", metavar="PROGRAM")
    options.add_argument("--program", default="target/release/rl-coordinator")
    options.add_argument("--throttlecrab", default=shutil.which("throttlecrab-server"), metavar="PROGRAM")
    options = options.parse_args()
    if len(os.sched_getaffinity(0)) < 2:
        sys.exit("two processors are needed: one for the servers, one for the load")
    if not options.throttlecrab:
        sys.exit("throttlecrab-server is not there: cargo install throttlecrab-server, or --throttlecrab PROGRAM")
    if options.instructions:
        count_all(options)
        return
    print("| keys | threads | server | requests/s | processor time | requests/s to throttlecrab | processor time to throttlecrab |")
    print("|---:|---:|---|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as work:
        for threads in options.threads:
            for keys in (1, options.keys):
                table(options, keys, threads, work)


def count_all(options):
    """Counts the instructions of all servers and prints a line for each."""
    print("| keys | server | instructions | to throttlecrab |")
    print("|---:|---|---:|---:|")
    for keys in (1, options.keys):
        first = None
        for name, command, asked in servers(options):
            with tempfile.TemporaryDirectory() as work:
                count = instructions(options, command, asked, keys, work)
            first = first or count
            print(f"| {keys:,} | {name} | {count:,.0f} | {'' if first == count else f'{count / first:.2f}'} |", flush=True)


def table(options, keys, threads, work):
    """Measures all servers in turn and prints a line for each."""
    found = {}
    for _ in range(options.rounds):
        for name, command, asked in servers(options):
            found.setdefault(name, []).append(measure(options, command, asked, keys, threads, work))
    for name, figures in found.items():
        rate, took = (statistics.median(column) for column in zip(*figures))
        pairs = list(zip(figures, found["throttlecrab"]))
        rates, times = (statistics.median(ours[at] / peer[at] for ours, peer in pairs) for at in (0, 1))
        ratios = "| |" if name == "throttlecrab" else f"{rates:.2f} | {times:.2f} |"
        print(f"| {keys:,} | {threads} | {name} | {rate:,.0f} | {took:.1f} µs | {ratios}", flush=True)


if __name__ == "__main__":
    main()
