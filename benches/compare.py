#!/usr/bin/env python3
"""Runs the whole comparison: measures, stores the figures in benches/results, and writes the tables and plots of docs/COMPARE.md.

    benches/compare.py [--redis-cell libredis_cell.so] [--redis-shield libredis_shield.so] [--throttlecrab throttlecrab-server]
                       [--also valkey-server]        for the part `servers`, once for each other server
    benches/compare.py instructions memory           only those parts
    benches/compare.py --draw                        only tables and plots, from the stored figures

A part that is not measured keeps its earlier figures and their date. Wall-clock figures need a machine that does nothing else.
"""

import copy
import json
import os
import time

import commands
import cpu
import growth
import instructions
import latency
import memory
import report
import setups
from server import parser

RESULTS = os.path.join(commands.FOLDER, "results")


def count(options):
    """Counts the commands of this module on three servers in each setup, and the other limiters on one with their modules."""
    in_cluster = [command for command in commands.OURS if not command.has_many_keys]
    jobs = [(setups.ALONE, [*commands.OURS, commands.SET_NEW], 3)]
    jobs += [(setup, in_cluster if setup is setups.CLUSTER else commands.OURS, 3) for setup in setups.COMPARED]
    version, (ours, *there) = instructions.medians(without_modules(options), jobs)
    _, others = instructions.measure(options, commands.peers(options))
    by_title = lambda rows, setup: {row["title"].removesuffix(f", {setup.title}"): row for row in rows}
    compared = {setup.title: by_title(rows, setup) for setup, rows in zip(setups.COMPARED, there)}
    return {"server": version, "rows": ours + others[1:], "setups": compared}


def without_modules(options):
    """Returns options for servers that load only this module. Others make new keys dearer."""
    options = copy.copy(options)
    options.redis_cell, options.redis_shield = None, None
    return options


def servers(options):
    """Counts on other servers: all commands alone, and some in each setup. Returns None if no other server was given."""
    found = []
    for server in options.also:
        other = without_modules(options)
        other.server = server
        version, rows = instructions.measure(other, commands.OURS)
        for setup in setups.COMPARED:
            rows += instructions.measure(other, [*commands.PLAIN, commands.FULL], setup)[1]
        found.append({"server": version, "rows": rows})
    return found or None


def time_on_cpu(options):
    options.seconds = 0.3
    version, rows = cpu.measure(options)
    return {"server": version, "rounds": options.rounds, "rows": rows, "tcp": cpu.measure_tcp(options)}


def delay(options):
    options.seconds = 4
    version, rate, rows = latency.measure(options)
    return {"server": version, "rate": rate, "rows": rows}


def size(options):
    version, rows = memory.measure_keys(options)
    return {"server": version, "rows": rows}


def million(options):
    sizes = [keys for keys in (1_000_000, 10_000_000) if keys <= options.most]
    return {str(keys): memory.measure_many(options, keys) for keys in sizes}


PARTS = {
    "instructions": count,
    "servers": servers,
    "cpu": time_on_cpu,
    "latency": delay,
    "memory": size,
    "million": million,
    "growth-keys": growth.measure_keys,
    "growth-log": growth.measure_log,
}


def main():
    options = parser(__doc__)
    options.add_argument("parts", nargs="*", metavar="part", help="of " + ", ".join(PARTS))
    options.add_argument("--also", action="append", default=[], metavar="SERVER", help="another server, for the part servers")
    options.add_argument("--draw", action="store_true", help="measure nothing")
    growth.options(options)
    options.set_defaults(rounds=7, runs=5, share=0.5)
    options = options.parse_args()
    for part in [] if options.draw else options.parts or PARTS:
        print(f"== {part}", flush=True)
        figures = PARTS[part](options)
        if figures is None:
            print("not measured: --also names other servers")
            continue
        os.makedirs(RESULTS, exist_ok=True)
        with open(os.path.join(RESULTS, part + ".json"), "w") as file:
            json.dump({"measured": time.strftime("%Y-%m-%d"), "figures": figures}, file, indent=1)
            file.write("\n")
    results = {}
    for part in PARTS:
        path = os.path.join(RESULTS, part + ".json")
        if os.path.exists(path):
            with open(path) as file:
                results[part] = json.load(file)
    report.write(results)


if __name__ == "__main__":
    main()
