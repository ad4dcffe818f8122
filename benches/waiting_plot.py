#!/usr/bin/env python3
"""Measures who is admitted while others wait, and draws it: docs/plots/waiting.svg.

    benches/waiting_plot.py [--server redis-server] [--module target/release/libredis_rl.so]

One limit of 200 requests a second, for 15 seconds each:

- 300 requests of lane LOW wait all the time. From second 5 to 10, requests of lane HIGH come, 120 a second at random instants.
- 300 requests of the flow `free` wait all the time. From second 5 to 10, so do 300 of the flow `paid`, which weighs 10.

It needs Python's standard library only.
"""

import os
import random
import time

import commands
import plots
from fairness import MORE, Flow, Run
from server import Server, allow_many_connections, median, parser

SECONDS, BEGIN, END = 15, 5, 10
WAITERS = 300
HIGH_RATE = 120
STEP = 0.5  # seconds for which admissions are counted together
TALL, LEFT, RIGHT = 190, 70, 220


def measure_lanes(options):
    """Returns the admissions of each lane by time, and the waits of HIGH."""
    low, high = Flow("LOW", "PRIORITY"), Flow("HIGH", "PRIORITY")
    with Server(options, MORE, peers=False) as server:
        run = Run(server, "")
        chance, arrivals, at = random.Random(7), [], BEGIN
        while (at := at + chance.expovariate(HIGH_RATE)) < END:
            arrivals.append((at, len(arrivals), high))
        begin = time.monotonic()
        for _ in range(WAITERS):
            run.ask(low, True)
        run.keep(SECONDS, arrivals)
    return rates(begin, {"LOW": low, "HIGH": high}), high.waits


def measure_flows(options):
    """Returns the admissions of each flow by time, and the number of each while both waited."""
    free, paid = Flow("free"), Flow("paid")
    with Server(options, MORE, peers=False) as server:
        run = Run(server, " FLOW paid WEIGHT 10 FLOW free WEIGHT 1")
        begin = time.monotonic()
        paid.stops = begin + END
        for _ in range(WAITERS):
            run.ask(free, True)
        run.keep(BEGIN)
        for _ in range(WAITERS):
            run.ask(paid, True)
        run.keep(begin + SECONDS - time.monotonic())
    both = [sum(BEGIN + 0.5 <= at - begin < END for at in flow.admitted) for flow in (paid, free)]
    return rates(begin, {"free": free, "paid": paid}), both


def rates(begin, flows):
    """Returns the admissions a second of each flow, for each step."""
    found = {}
    for name, flow in flows.items():
        counts = [0] * int(SECONDS / STEP)
        for at in flow.admitted:
            counts[min(len(counts) - 1, int((at - begin) / STEP))] += 1
        found[name] = [count / STEP for count in counts]
    return found


def panel(top, title, measured):
    """Draws the admissions of one run."""
    bottom, most = top + TALL, 240
    across = lambda second: LEFT + (plots.WIDTH - LEFT - RIGHT) * second / SECONDS
    up = lambda rate: bottom - TALL * rate / most
    body = [plots.text(LEFT, top - 12, title)]
    for mark in range(0, most + 1, 40):
        body.append(plots.line(LEFT, up(mark), plots.WIDTH - RIGHT, up(mark), "grid"))
        body.append(plots.text(LEFT - 8, up(mark) + 4, str(mark), "small end"))
    for second in range(0, SECONDS + 1, 5):
        body.append(plots.line(across(second), top, across(second), bottom, "grid"))
        body.append(plots.text(across(second), bottom + 18, f"{second} s", "small middle"))
    for number, (name, values) in enumerate(measured.items()):
        kind = f"c{1 - number}"
        points = [(across((step + 0.5) * STEP), up(value)) for step, value in enumerate(values)]
        body.append(f'<path class="{kind}" d="M' + " L".join(f"{x:.1f} {y:.1f}" for x, y in points) + '"/>\n')
        body.append(plots.text(plots.WIDTH - RIGHT + 14, points[-1][1] + 4, name, kind))
    return body


def main():
    options = parser(__doc__).parse_args()
    allow_many_connections()
    lanes, waits = measure_lanes(options)
    flows, (paid, free) = measure_flows(options)
    waits.sort()
    high = f"HIGH waits {median(waits) * 1e3:.1f} ms (median), {waits[int(len(waits) * 0.99)] * 1e3:.0f} ms (99 of 100)"
    print(f"{high}; paid {paid}, free {free}: {paid / free:.2f} to 1", flush=True)
    body = panel(100, f"LOW always waits. HIGH comes from second {BEGIN} to {END}, {HIGH_RATE} a second.", lanes)
    body += panel(360, f"The flow free always waits. From second {BEGIN} to {END} paid does, too, with ten times its weight.", flows)
    body.append(plots.text(LEFT, 592, f"{high}. While both wait, paid gets {paid / free:.1f} times what free gets.", "small"))
    drawn = plots.svg("Who is admitted of those that wait", "admitted requests a second; the limit is 200 a second", 612, body)
    with open(os.path.join(commands.ROOT, "docs", "plots", "waiting.svg"), "w") as file:
        file.write(drawn)


if __name__ == "__main__":
    main()
