#!/usr/bin/env python3
"""Measures how fairly flows share a limit of 200 requests a second, on a real server. Prints a table; exits with 1 if a target is missed.

    benches/fairness.py [--seconds 30] [--server redis-server] [--module target/release/libredis_rl.so]

- 100 quiet tenants make one request a second each, at random instants. Measured: how long they wait, alone and beside one
  flow of 5,000 waiters, each of which asks again as soon as it is admitted.
- Ten flows with 100 waiters each, all with the weight 1. Measured: Jain's index of what they get.
- Three flows with 100 waiters each, to which a policy gives the weights 1, 2 and 5. Measured: what they get.

The waits are measured in this program, which shares the machine with the server. It needs Python's standard library only.
"""

import heapq
import math
import random
import select
import sys
import time

from server import Server, allow_many_connections, encode, parser

RATE = 200
TENANTS = 100
FLOOD = 5_000
MORE = "--maxclients 20000"
LINE = "{:<66} {:>9} {:>16}"


class Flow:
    """The requests of one flow or lane: when each was admitted, and how long it has waited, in seconds."""

    def __init__(self, name, place="FLOW"):
        # A bucket of one token has no burst, so that what is admitted is spread evenly over each second.
        self.request = encode(f"RL.QUOTA k POLICY p COST requests 1 WAIT 1h {place} {name} REPLY SHORT".split())
        self.admitted = []
        self.waits = []
        self.idle = []
        self.stops = math.inf  # the instant from which an admitted request is not sent anew


class Run:
    """Connections of flows, each with one request at a time."""

    def __init__(self, server, policy):
        self.server = server
        self.poll = select.epoll()
        self.open = {}
        assert server.ask(*f"RL.POLICY SET p LIMIT rps {RATE} 1 BUCKET 1{policy}".split()) == b"OK"

    def ask(self, flow, again=False):
        """Sends a request of a flow. `again`: when it is admitted, it is sent anew."""
        client = flow.idle.pop() if flow.idle else self.server.connect()
        if client.fileno() not in self.open:
            self.poll.register(client, select.EPOLLIN)
        self.open[client.fileno()] = (client, flow, time.monotonic(), again)
        client.sendall(flow.request)

    def take(self, timeout):
        """Takes the replies that arrive within `timeout` seconds."""
        for number, _ in self.poll.poll(max(0, timeout)):
            client, flow, since, again = self.open[number]
            reply = client.recv(1_000)
            assert reply.startswith(b"*2\r\n:1\r\n"), reply
            now = time.monotonic()
            flow.admitted.append(now)
            flow.waits.append(now - since)
            flow.idle.append(client)
            if again and now < flow.stops:
                self.ask(flow, True)

    def keep(self, seconds, arrivals=()):
        """Goes on for `seconds`. `arrivals`: pairs of an instant from now and a flow."""
        begin = time.monotonic()
        due = list(arrivals)
        heapq.heapify(due)
        while (now := time.monotonic() - begin) < seconds:
            while due and due[0][0] <= now:
                self.ask(heapq.heappop(due)[-1])
            self.take(min(seconds, due[0][0] if due else seconds) - now)


def backlogged(run, flows, waiters):
    """Lets each flow wait with so many requests all the time, and forgets what was admitted until all of them wait."""
    for _ in range(waiters):
        for flow in flows:
            run.ask(flow, True)
    run.keep(1)
    for flow in flows:
        flow.waits.clear()


def quiet_tenants(options, flood):
    """Returns the waits of the quiet tenants, sorted."""
    chance = random.Random(7)  # the same instants with and without the flood
    with Server(options, MORE, peers=False) as server:
        run = Run(server, "")
        tenants = [Flow(f"tenant-{number}") for number in range(TENANTS)]
        if flood:
            backlogged(run, [Flow("flood")], FLOOD)
        arrivals = []
        for number, tenant in enumerate(tenants):
            at = chance.expovariate(1)
            while at < options.seconds:
                arrivals.append((at, number, tenant))
                at += chance.expovariate(1)
        run.keep(options.seconds, arrivals)
        run.keep(1)  # the last ones
        waits = sorted(wait for tenant in tenants for wait in tenant.waits)
        assert len(waits) == len(arrivals), f"{len(arrivals) - len(waits)} of {len(arrivals)} still wait"
        return waits


def shares(options, names, policy):
    """Returns how many requests of each flow are admitted while all of them wait."""
    with Server(options, MORE, peers=False) as server:
        run = Run(server, policy)
        flows = [Flow(name) for name in names]
        backlogged(run, flows, 100)
        run.keep(options.seconds)
        return [len(flow.waits) for flow in flows]


def main():
    own = parser(__doc__)
    own.add_argument("--seconds", type=float, default=30)
    options = own.parse_args()
    allow_many_connections()
    missed = []

    def show(what, value, target="", good=True):
        print(LINE.format(what, value, target if good else f"{target} missed"), flush=True)
        if not good:
            missed.append(what)

    print(LINE.format("", "measured", "target"))
    alone, beside = quiet_tenants(options, False), quiet_tenants(options, True)
    for what, waits in [("alone", alone), (f"beside {FLOOD:,} waiters of one flow", beside)]:
        middle, high = (waits[int(len(waits) * part)] * 1_000 for part in (0.5, 0.99))
        show(f"wait of a quiet tenant {what}, median", f"{middle:.1f} ms")
        show(f"wait of a quiet tenant {what}, p99", f"{high:.1f} ms")
    ratio = beside[int(len(beside) * 0.99)] / alone[int(len(alone) * 0.99)]
    show("p99 beside the flood, of that alone", f"{ratio:.2f}", "<= 3", ratio <= 3)

    got = shares(options, [f"f{number}" for number in range(10)], "")
    jain = sum(got) ** 2 / (len(got) * sum(one * one for one in got))
    show(f"Jain's index of ten flows ({min(got)} to {max(got)} requests)", f"{jain:.4f}", ">= 0.98", jain >= 0.98)

    weights = {"one": 1, "two": 2, "five": 5}
    policy = "".join(f" FLOW {name} WEIGHT {weight}" for name, weight in weights.items())
    got = shares(options, weights, policy)
    for weight, one in zip(weights.values(), got):
        part, fair = one / sum(got), weight / sum(weights.values())
        away = abs(part / fair - 1) * 100
        show(f"share of the flow with weight {weight} of 8", f"{part:.4f}")
        show(f"  away from {fair:.4f}", f"{away:.2f} %", "<= 2 %", away <= 2)
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
