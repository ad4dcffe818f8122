#!/usr/bin/env python3
"""Compares POST /allow of rl-coordinator with a coordinator in Python's standard library, which is the usual recipe.

    benches/coordinator.py [--rounds 5] [--seconds 3] [--connections 8] [--guard]
    benches/coordinator.py --before PROGRAM [--connections 64]

The servers take turns on one processor, and wrk has another. A connection is used for one request, as in the recipe's client.
If the server keeps connections (the standard library's does not), it is also measured with many requests per connection.
A figure is the median of the rounds. A ratio is the median of the rounds' ratios, because each round measures both servers.
Processor time is the server's own time plus the system's time for it. It does not depend on the other load of the machine.

If each request has its own connection, three quarters of the cost is the system's work, which is the same for every server.
So --guard requires five times the recipe's requests if connections are kept, three times if they are not, and a 99th
percentile that is no worse in either case.

--before compares with another build of rl-coordinator instead, on kept connections. With 8 connections wrk is the slower
side; with 64 the server is.
"""

import argparse
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

RECIPE = r'''
import json, sys, threading, time
from collections import deque
from http.server import BaseHTTPRequestHandler, HTTPServer

class QuotaState:
    def __init__(self, max_rpm):
        self.max_rpm, self.requests, self.lock = max_rpm, deque(), threading.Lock()

    def allow(self):
        now = time.time()
        window_start = now - 60.0
        with self.lock:
            while self.requests and self.requests[0] < window_start:
                self.requests.popleft()
            count = len(self.requests)
            if count < self.max_rpm:
                self.requests.append(now)
                return True, count + 1, 0.0
            return False, count, self.requests[0] + 60.0 - now + 0.1

quota = QuotaState(500)

class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        if self.path != "/allow":
            self.send_response(404)
            self.end_headers()
            return
        allowed, count, retry_after = quota.allow()
        response = json.dumps({"allowed": allowed, "count": count, "max": quota.max_rpm, "retry_after": retry_after}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(response)

    def log_message(self, format, *args):
        pass

HTTPServer(("localhost", int(sys.argv[1])), Handler).serve_forever()
'''


# The bodies that --before sends. The limits are so high that nothing is denied: wrk reports denials as errors.
BODIES = {
    "/allow": "",
    "/v1/slide": '{"key": "api", "limit": 1000000000, "window": "1s"}',
    "/v1/bucket": '{"key": "burst", "capacity": 1000000000, "refill": 1000000}',
    "/v1/quota": '{"key": "llm", "cost": {"tokens": 5}, "limits": [{"name": "rpm", "limit": 1000000000, "window": "1s"}, '
    '{"name": "tpm", "limit": 1000000000, "window": "1s", "unit": "tokens"}]}',
}


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Server:
    """A server on one processor. It runs until the `with` block ends."""

    def __init__(self, command, cpu):
        self.port = free_port()
        self.process = subprocess.Popen(
            ["taskset", "-c", str(cpu), *[word.format(port=self.port) for word in command]],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def __enter__(self):
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise RuntimeError("a server does not start") from None
                time.sleep(0.02)

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()

    def processor_seconds(self):
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def load(self, options, cpu, script, path="/allow"):
        """Returns requests per second, the 99th percentile in ms, and processor time per request in µs."""
        before = self.processor_seconds()
        command = ["taskset", "-c", str(cpu), "wrk", "-t1", f"-c{options.connections}", f"-d{options.seconds}s", "--latency", "-s", script]
        out = subprocess.run([*command, f"http://127.0.0.1:{self.port}{path}"], check=True, capture_output=True, text=True).stdout
        errors = re.search(r"Non-2xx|Socket errors: connect (?!0, read \d+, write 0, timeout 0)", out)
        if errors:
            raise RuntimeError(out)
        value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", out).groups()
        took = self.processor_seconds() - before
        requests = int(re.search(r"(\d+) requests in", out)[1])
        rate = float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1])
        return rate, float(value) * {"us": 1e-3, "ms": 1, "s": 1e3}[unit], took / requests * 1e6


def compare(options, cpus, work):
    """Measures two builds in turn, for each path."""
    programs = {"before": options.before, "now": options.program}
    print(f"| {'':10} | {'':6} | requests/s | processor time | beside the former |")
    print(f"|{'-' * 12}|{'-' * 8}|{'-' * 11}:|{'-' * 15}:|{'-' * 18}:|")
    for path, body in BODIES.items():
        script = os.path.join(work, "body.lua")
        with open(script, "w") as file:
            file.write("wrk.method = 'POST'\nwrk.headers['Content-Type'] = 'application/json'\n")
            file.write(f"wrk.body = '{body}'\n")
        found = {name: [] for name in programs}
        for _ in range(options.rounds):
            for name, program in programs.items():
                with Server([program, "--listen", "127.0.0.1:{port}"], cpus[0]) as server:
                    found[name].append(server.load(options, cpus[1], script, path))
        for name, figures in found.items():
            rate, _, took = (statistics.median(column) for column in zip(*figures))
            pairs = list(zip(figures, found["before"]))
            rates = statistics.median(one[0] / former[0] for one, former in pairs)
            times = statistics.median(former[2] / one[2] for one, former in pairs)
            print(f"| {path:10} | {name:6} | {rate:10.0f} | {took:11.1f} µs | {rates:6.2f}x, {times:6.2f}x |")
    print("Beside the former: requests per second, and requests per processor time.")


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seconds", type=int, default=3)
    options.add_argument("--connections", type=int, default=8)
    options.add_argument("--guard", action="store_true")
    options.add_argument("--before", metavar="PROGRAM")
    options.add_argument("--program", default="target/release/rl-coordinator")
    options = options.parse_args()
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        sys.exit("two processors are needed: one for the servers, one for the load")
    with tempfile.TemporaryDirectory() as work:
        if options.before:
            compare(options, cpus, work)
            return
        recipe, once, kept = (os.path.join(work, name) for name in ("recipe.py", "once.lua", "kept.lua"))
        open(recipe, "w").write(RECIPE)
        open(once, "w").write('wrk.method = "POST"\nwrk.headers["Connection"] = "close"\n')
        open(kept, "w").write('wrk.method = "POST"\n')
        ours = [options.program, "--listen", "127.0.0.1:{port}"]
        kinds = {
            "recipe, a connection each": ([sys.executable, recipe, "{port}"], once),
            "rl-coordinator, a connection each": (ours, once),
            "rl-coordinator, connections kept": (ours, kept),
        }
        found = {kind: [] for kind in kinds}
        for _ in range(options.rounds):
            for kind, (command, script) in kinds.items():
                with Server(command, cpus[0]) as server:
                    found[kind].append(server.load(options, cpus[1], script))
    first = found["recipe, a connection each"]
    print(f"| {'':34} | requests/s | 99 % within | processor time | ratio to the recipe |")
    print(f"|{'-' * 36}|{'-' * 11}:|{'-' * 12}:|{'-' * 15}:|{'-' * 20}:|")
    good = True
    for kind, figures in found.items():
        rate, tail, took = (statistics.median(column) for column in zip(*figures))
        rates, tails, times = (statistics.median(a / b for a, b in zip(*pair)) for pair in zip(zip(*figures), zip(*first)))
        print(f"| {kind:34} | {rate:10.0f} | {tail:8.2f} ms | {took:11.0f} µs | {rates:5.1f}x, {1 / times:5.1f}x |")
        least = 5 if kind.endswith("kept") else 3
        good &= kind.startswith("recipe") or (rates >= least and tails <= 1)
    print("Ratios to the recipe: requests per second, and requests for the same processor time.")
    if options.guard and not good:
        sys.exit("too few requests compared with the recipe, or slower at the 99th percentile")


if __name__ == "__main__":
    main()
