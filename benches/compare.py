#!/usr/bin/env python3
"""Runs the whole comparison: measures, stores the figures in benches/results, and writes the tables and plots of docs/COMPARE.md.

    benches/compare.py [--redis-cell libredis_cell.so] [--redis-shield libredis_shield.so]
    benches/compare.py instructions throughput latency memory million growth-keys growth-log   only those parts
    benches/compare.py --draw                                                          only tables and plots, from the stored figures

A part that is not measured keeps its earlier figures. Wall-clock figures need a machine that does nothing else.
"""

import json
import os

import commands
import growth
import instructions
import latency
import memory
import report
import setups
import throughput
from server import parser

RESULTS = os.path.join(commands.FOLDER, "results")


def count(options):
    measured = commands.OURS + commands.peers(options)
    version, rows = instructions.measure(options, measured)
    _, to_file = instructions.measure(options, commands.OURS, setups.AOF)
    return {"server": version, "rows": rows, "appendonly": to_file}


def rate(options):
    options.seconds = 0.3
    version, rows = throughput.measure(options)
    return {"server": version, "rounds": options.rounds, "rows": rows}


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
    "throughput": rate,
    "latency": delay,
    "memory": size,
    "million": million,
    "growth-keys": growth.measure_keys,
    "growth-log": growth.measure_log,
}


def main():
    options = parser(__doc__)
    options.add_argument("parts", nargs="*", metavar="part", help="of " + ", ".join(PARTS))
    options.add_argument("--draw", action="store_true", help="measure nothing")
    growth.options(options)
    options.set_defaults(rounds=5, runs=5, share=0.5)
    options = options.parse_args()
    for part in [] if options.draw else options.parts or PARTS:
        print(f"== {part}", flush=True)
        figures = PARTS[part](options)
        os.makedirs(RESULTS, exist_ok=True)
        with open(os.path.join(RESULTS, part + ".json"), "w") as file:
            json.dump(figures, file, indent=1)
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
