#!/usr/bin/env python3
"""Measures how long a second client's PING takes while others put the server under the heaviest load that waiting allows.

    benches/stalls.py [--module PATH] [--server PROGRAM] [scenario…]

Each scenario prints the longest PING, its 99th percentile, how long the load itself took, and how busy the machine was. A
server that blocks clients has a cost of its own, so each load is also run with BLPOP, where there is a counterpart. The
PINGs come from a process of their own. Three processes are busy at once, so use a machine with three processors or an idle
one with two. It needs Python's standard library only.
"""

import multiprocessing
import os
import select
import time

from server import Server, allow_many_connections, encode, parser

LIMITS = 16
INSTANTS = 10_000
FEW = 600
MANY = 10_000


def prefer(process, priority):
    """Lets a process run before all that have no real-time priority."""
    os.sched_setscheduler(process, os.SCHED_FIFO, os.sched_param(priority))


class Pings:
    """A process that sends PING after PING while a load runs. A thread would wait for the load's Python code."""

    def __init__(self, server, real_time):
        self.server, self.times, self.real_time = server, [], real_time

    def __enter__(self):
        self.mine, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.get_context("fork").Process(target=self.run, args=(theirs,))
        self.process.start()
        self.mine.recv()
        if self.real_time:
            prefer(self.server.process.pid, 60)
            prefer(self.process.pid, 70)
        return self

    def run(self, parent):
        """Pings until the load is over, and reports how long each reply took."""
        client, times = self.server.connect(), []
        parent.send(None)
        while not parent.poll(0.0003):
            began = time.perf_counter()
            client.sendall(encode(["PING"]))
            client.recv(64)
            times.append(time.perf_counter() - began)
        parent.send(sorted(times))

    def __exit__(self, *_):
        self.mine.send(None)
        self.times = self.mine.recv()
        self.process.join()


def ask_on_many(server, line, count):
    """Sends one command on each of many connections. Returns the connections."""
    clients = [server.connect() for _ in range(count)]
    for client in clients:
        client.sendall(line)
    return clients


def answers(clients, count=None):
    """Waits until so many connections have a reply. If no number is given, all of them."""
    waiting = select.poll()
    for client in clients:
        waiting.register(client, select.POLLIN)
    left = len(clients) if count is None else count
    while left > 0:
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
    fill(server, encode(["RL.QUOTA", "k", *spelled("1h")]))
    line = encode(["RL.QUOTA", "k", *spelled("1h"), "COST", "requests", INSTANTS - 10, "WAIT", "1500ms"])
    return lambda: answers(ask_on_many(server, line, FEW))


def many_quotas(server):
    """RL.MQUOTA of sixteen keys with sixteen limits each, behind 64 waiters: how long the command itself takes."""
    for index in range(16):
        server.ask("RL.POLICY", "SET", f"p{index}", *spelled("1h"))
    words = ["RL.MQUOTA", 16, *[f"k{index}" for index in range(16)], "POLICY", *[f"p{index}" for index in range(16)]]
    fill(server, encode(words))
    waiters = ask_on_many(server, encode([*words, "COST", "requests", INSTANTS - 10, "WAIT", "60"]), 64)
    time.sleep(1)

    def load():
        longest = 0
        for _ in range(20):
            began = time.perf_counter()
            server.ask(*words, "COST", "requests", INSTANTS - 10)
            longest = max(longest, time.perf_counter() - began)
        print(f"    the command itself: {longest * 1e3:.1f} ms at most")
        for waiter in waiters:
            waiter.close()

    return load


def waiters_of(server, line, keys):
    """Lets MANY clients wait, for one of so many keys each. Returns their connections."""
    clients = [server.connect() for _ in range(MANY)]
    for index, client in enumerate(clients):
        client.sendall(encode(line.format(index % keys).split()))
    while int(server.info()["blocked_clients"]) < MANY:
        time.sleep(0.05)
    time.sleep(1)  # the server shrinks the buffers of clients that have become idle
    return clients


def policy_change(server, keys, more, limit, admitted):
    """Changes a limit of which `limit` are admitted, while MANY clients wait."""
    server.ask(*f"RL.POLICY SET p LIMIT a 1 1h LIMIT b {keys + 5} 1h".split())
    for key in range(keys):
        server.ask(*f"RL.QUOTA k{key} POLICY p".split())
    clients = waiters_of(server, "RL.QUOTA k{} POLICY p WAIT 300" + more, keys)

    def load():
        server.ask(*f"RL.POLICY SET p LIMIT a {limit} 1h LIMIT b {MANY + 6} 1h".split())
        answers(clients, admitted)
        time.sleep(0.3)

    return load


def policy_admits_none(server):
    """A policy changes and admits none of 10,000 clients that wait, each in the line of one of 3,000 keys."""
    return policy_change(server, 3_000, "", 1, 0)


def policy_admits_all(server):
    """A policy changes and admits all of 10,000 clients in the line of one key."""
    return policy_change(server, 1, "", MANY + 1, MANY)


def policy_of_many_keys(server):
    """A policy changes and admits all of 10,000 clients, each in the line of a key of its own."""
    return policy_change(server, MANY, "", 2, MANY)


def policy_of_flows(server):
    """A policy changes and admits all of 10,000 clients of one flow in the line of one key."""
    return policy_change(server, 1, " FLOW f", MANY + 1, MANY)


def flush(server):
    """FLUSHALL while 10,000 clients wait for one slot each of 3,000 keys."""
    for key in range(3_000):
        server.ask("RL.SLIDE", f"k{key}", 1, "1h")
    clients = waiters_of(server, "RL.SLIDE k{} 1 1h WAIT 300", 3_000)

    def load():
        server.ask("FLUSHALL")
        answers(clients, 3_000)

    return load


def flush_reservations(server):
    """FLUSHALL and DEL of keys with 100,000 reservations each, without waiters."""
    for key in ("j", "k"):
        reserve(server, key, lambda: "1h")

    def load():
        server.ask("DEL", "j")
        server.ask("FLUSHALL")
        time.sleep(0.2)

    return load


def delete(server):
    """DEL of a key for which 10,000 clients wait. All of them are admitted."""
    server.ask("RL.SLIDE", "k0", MANY, "1h", "COST", MANY)
    clients = waiters_of(server, f"RL.SLIDE k{{}} {MANY} 1h WAIT 300", 1)

    def load():
        server.ask("DEL", "k0")
        answers(clients)

    return load


def reserve(server, key, ttl):
    """Makes 100,000 reservations of a key."""
    for _ in range(1_000):
        server.client.send([["RL.QUOTA", key, "LIMIT", "a", 1_000_000, "1d", "RESERVE", ttl()] for _ in range(100)])


def reservations(server):
    """100,000 reservations of one key end at once, and the next command drops them."""
    ends = time.time() + 30
    reserve(server, "k", lambda: f"{int((ends - time.time()) * 1000) or 1}ms")
    time.sleep(max(0, ends - time.time()) + 0.1)

    def load():
        server.ask(*"RL.QUOTA k LIMIT a 1000000 1d RESERVE 60".split())
        time.sleep(0.2)

    return load


def delete_reservations(server):
    """DEL of a key with 100,000 reservations, for which 10,000 clients wait. All of them are admitted."""
    reserve(server, "k0", lambda: "1h")
    server.ask(*"RL.QUOTA k0 LIMIT a 1000000 1d COST requests 900000".split())
    clients = waiters_of(server, "RL.QUOTA k{} LIMIT a 1000000 1d WAIT 300", 1)

    def load():
        server.ask("DEL", "k0")
        answers(clients)

    return load


def blpop_time_out(server):
    """600 clients of BLPOP time out together: what the server itself takes."""
    return lambda: answers(ask_on_many(server, encode(["BLPOP", "nothing", "1.5"]), FEW))


def blpop_served(server):
    """10,000 clients of BLPOP on one key are served by one RPUSH: what the server itself takes."""
    clients = waiters_of(server, "BLPOP k{} 300", 1)

    def load():
        server.ask("RPUSH", "k0", *range(MANY))
        answers(clients)

    return load


def blpop_of_many_keys(server):
    """10,000 clients of BLPOP, each on a key of its own, are served by one transaction: what the server itself takes."""
    clients = waiters_of(server, "BLPOP k{} 300", MANY)

    def load():
        server.client.send([["MULTI"], *[["RPUSH", f"k{key}", 1] for key in range(MANY)], ["EXEC"]])
        answers(clients)

    return load


def delete_zset(server):
    """DEL of a sorted set with 100,000 members: what the server itself takes."""
    for batch in range(1_000):
        server.ask("ZADD", "k", *[word for number in range(100) for word in (number, f"member-{batch}-{number}")])

    def load():
        server.ask("DEL", "k")
        time.sleep(0.2)

    return load


SCENARIOS = {
    "blpop-time-out": blpop_time_out,
    "blpop-served": blpop_served,
    "blpop-of-many-keys": blpop_of_many_keys,
    "delete-zset": delete_zset,
    "join-and-time-out": join_and_time_out,
    "many-quotas": many_quotas,
    "policy-admits-none": policy_admits_none,
    "policy-admits-all": policy_admits_all,
    "policy-of-many-keys": policy_of_many_keys,
    "policy-of-flows": policy_of_flows,
    "flush": flush,
    "flush-reservations": flush_reservations,
    "delete": delete,
    "reservations": reservations,
    "delete-reservations": delete_reservations,
}


def main():
    own = parser(__doc__)
    own.add_argument("--real-time", action="store_true", help="run the server and PING before other programs of the machine (as root)")
    own.add_argument("scenarios", nargs="*", choices=[*SCENARIOS, []])
    options = own.parse_args()
    allow_many_connections()
    for name in options.scenarios or SCENARIOS:
        with Server(options, "--maxclients 20000", peers=False) as server:
            print(f"{name}: {SCENARIOS[name].__doc__}", flush=True)
            load = SCENARIOS[name](server)
            began = time.perf_counter()
            with Pings(server, options.real_time) as pings:
                load()
                took = time.perf_counter() - began
            load = None  # closes its connections before the next scenario opens as many
            times = pings.times
            p99 = times[int(len(times) * 0.99)]
            busy = os.getloadavg()[0]
            print(f"    PING: {times[-1] * 1e3:.1f} ms at most, p99 {p99 * 1e3:.1f} ms; {took:.2f} s; system load {busy:.1f}", flush=True)


if __name__ == "__main__":
    main()
