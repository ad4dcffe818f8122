#!/usr/bin/env python3
"""Measures how long a second client's PING takes while others put the server under the heaviest load that waiting allows.

    benches/stalls.py [--module PATH] [--server PROGRAM] [scenario…]

Each scenario prints the longest PING, its 99th percentile, and how long the load itself took. A server that blocks clients
has a cost of its own, so each load is also run with BLPOP, where there is a counterpart. It needs Python's standard
library only.
"""

import argparse
import os
import select
import socket
import subprocess
import tempfile
import threading
import time

LIMITS = 16
INSTANTS = 10_000
WAITERS = 600


def command(*words):
    """Returns a command as the protocol has it."""
    words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


class Server:
    """A server with the module, for one scenario."""

    def __init__(self, options):
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "socket")
        arguments = [options.server, "--port", "0", "--unixsocket", self.path, "--save", "", "--loglevel", "warning"]
        arguments += ["--maxclients", "20000", "--dir", self.folder.name, "--loadmodule", options.module]
        self.process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL)
        while not os.path.exists(self.path):
            time.sleep(0.01)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()

    def connect(self):
        """Opens a connection."""
        client = socket.socket(socket.AF_UNIX)
        while True:
            try:
                client.connect(self.path)
                return client
            except (BlockingIOError, ConnectionRefusedError):
                time.sleep(0.001)

    def pipeline(self, lines):
        """Sends commands, a batch at a time, and waits for their replies."""
        client = self.connect()
        for first in range(0, len(lines), 100):
            batch = lines[first : first + 100] + [command("ECHO", "end-of-batch")]
            client.sendall(b"".join(batch))
            read = b""
            while not read.endswith(b"end-of-batch\r\n"):
                read = read[-64:] + client.recv(1 << 16)
        client.close()


class Pings:
    """Sends PING after PING while a load runs."""

    def __init__(self, server):
        self.client, self.times, self.over = server.connect(), [], threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        """Pings until the load is over."""
        while not self.over.is_set():
            began = time.perf_counter()
            self.client.sendall(command("PING"))
            self.client.recv(64)
            self.times.append(time.perf_counter() - began)
            time.sleep(0.0005)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        self.times.sort()


def crowd(server, line, count):
    """Sends one command on each of many connections. Returns the connections."""
    clients = [server.connect() for _ in range(count)]
    for client in clients:
        client.sendall(line)
    return clients


def answers(clients):
    """Waits until each connection has its reply."""
    waiting = select.poll()
    for client in clients:
        waiting.register(client, select.POLLIN)
    left = len(clients)
    while left:
        for number, _ in waiting.poll():
            waiting.unregister(number)
            left -= 1


def spelled(window):
    """Returns the words of sixteen sliding windows."""
    return [word for index in range(LIMITS) for word in ("LIMIT", f"l{index}", INSTANTS, window)]


def fill(server, lines):
    """Sends a command at each of many instants, so that its logs have as many entries."""
    client = server.connect()
    for _ in range(INSTANTS):
        client.sendall(lines)
        client.recv(1 << 16)
        time.sleep(0.001)
    client.close()


def join_and_time_out(server):
    """600 waiters of sixteen sliding windows with 10,000 instants, of a large cost, join and time out together."""
    fill(server, command("RL.QUOTA", "k", *spelled("1h")))
    line = command("RL.QUOTA", "k", *spelled("1h"), "COST", "requests", INSTANTS - 10, "WAIT", "1500ms")
    return lambda: answers(crowd(server, line, WAITERS))


def many_quotas(server):
    """RL.MQUOTA of sixteen keys with sixteen limits each, behind 64 waiters: how long the command itself takes."""
    setup = server.connect()
    for index in range(16):
        setup.sendall(command("RL.POLICY", "SET", f"p{index}", *spelled("1h")))
        setup.recv(64)
    words = ["RL.MQUOTA", 16, *[f"k{index}" for index in range(16)], "POLICY", *[f"p{index}" for index in range(16)]]
    fill(server, command(*words))
    waiters = crowd(server, command(*words, "COST", "requests", INSTANTS - 10, "WAIT", "60"), 64)
    time.sleep(1)
    client = server.connect()

    def load():
        longest = 0
        for _ in range(20):
            began = time.perf_counter()
            client.sendall(command(*words, "COST", "requests", INSTANTS - 10))
            client.recv(1 << 20)
            longest = max(longest, time.perf_counter() - began)
        print(f"    the command itself: {longest * 1e3:.1f} ms at most")
        for waiter in waiters:
            waiter.close()

    return load


def policy_change(server):
    """A policy changes while 9,000 clients wait, each in the line of one of 3,000 keys."""
    client = server.connect()
    client.sendall(command("RL.POLICY", "SET", "p", "LIMIT", "a", 1, "1h", "LIMIT", "b", 5, "1h"))
    client.recv(64)
    clients = [server.connect() for _ in range(9_000)]
    for index, waiter in enumerate(clients):
        waiter.sendall(command("RL.QUOTA", f"k{index % 3_000}", "POLICY", "p", "WAIT", "300"))
    while int(info(client, b"rl_waiting_normal")) < 6_000:
        time.sleep(0.05)

    def load():
        client.sendall(command("RL.POLICY", "SET", "p", "LIMIT", "a", 1, "1h", "LIMIT", "b", 6, "1h"))
        client.recv(64)
        time.sleep(1)

    return load


def flush(server):
    """FLUSHALL while 9,000 clients wait for one slot each of 3,000 keys."""
    client = server.connect()
    clients = [server.connect() for _ in range(9_000)]
    for index, waiter in enumerate(clients):
        waiter.sendall(command("RL.SLIDE", f"k{index % 3_000}", 1, "1h", "WAIT", "300"))
    while int(info(client, b"rl_waiting_normal")) < 6_000:
        time.sleep(0.05)

    def load():
        client.sendall(command("FLUSHALL"))
        client.recv(64)
        answers(clients[3_000:6_000])

    return load


def reservations(server):
    """100,000 reservations of one key end at once, and the next command drops them."""
    words = ["RL.QUOTA", "k", "LIMIT", "a", 1_000_000, "1d", "RESERVE"]
    ends = time.time() + 20
    server.pipeline([command(*words, f"{int((ends - time.time()) * 1000) or 1}ms") for _ in range(99_999)])
    time.sleep(max(0, ends - time.time()) + 0.1)
    client = server.connect()

    def load():
        client.sendall(command(*words, "60"))
        client.recv(1 << 16)
        time.sleep(0.2)

    return load


def blpop(server):
    """600 clients of BLPOP time out together: what the server itself takes."""
    return lambda: answers(crowd(server, command("BLPOP", "nothing", "1.5"), WAITERS))


SCENARIOS = {
    "blpop": blpop,
    "join-and-time-out": join_and_time_out,
    "many-quotas": many_quotas,
    "policy-change": policy_change,
    "flush": flush,
    "reservations": reservations,
}


def info(client, field):
    """Returns a field of INFO rl."""
    client.sendall(command("INFO", "rl"))
    text = client.recv(1 << 16)
    return text.split(field + b":")[1].split(b"\r")[0]


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--module", default=os.environ.get("REDIS_RL_MODULE", "target/release/libredis_rl.so"))
    options.add_argument("--server", default=os.environ.get("REDIS_RL_SERVER", "redis-server"))
    options.add_argument("scenarios", nargs="*", choices=[*SCENARIOS, []])
    options = options.parse_args()
    for name in options.scenarios or SCENARIOS:
        with Server(options) as server:
            print(f"{name}: {SCENARIOS[name].__doc__}", flush=True)
            load = SCENARIOS[name](server)
            began = time.perf_counter()
            with Pings(server) as pings:
                load()
            took, times = time.perf_counter() - began, pings.times
            p99 = times[int(len(times) * 0.99)]
            print(f"    PING: {times[-1] * 1e3:.1f} ms at most, p99 {p99 * 1e3:.1f} ms; {took:.2f} s", flush=True)


if __name__ == "__main__":
    main()
