#!/usr/bin/env python3
"""The 429 lab: many processes call one provider, by several systems, in several scenarios.

    lab.py                                             run all that is not yet measured, then print the table
    lab.py --system redis-rl --scenario alone --seed 1   run one, and print its figures
    lab.py --table                                     print the table of what is measured
"""

import argparse
import json
import os
import sys
import time

FOLDER = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, FOLDER)

import report
from run import run_once
from scenarios import BY_NAME
from systems import SYSTEMS, load

SEEDS = (1, 2, 3)


def measure(options, scenario, system, seed):
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    if system == "litellm":
        from systems import litellm_router

        litellm_router.load()
    figures = run_once(system, load(system), BY_NAME[scenario], seed, options.server, os.path.abspath(options.module))
    os.makedirs(options.results, exist_ok=True)
    with open(os.path.join(options.results, f"{scenario}.{system}.{seed}.json"), "w") as file:
        json.dump(figures, file)
    return figures


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--server", default=os.environ.get("REDIS_RL_SERVER", "redis-server"))
    options.add_argument("--module", default=os.environ.get("REDIS_RL_MODULE", "target/release/libredis_rl.so"))
    options.add_argument("--results", default=os.path.join(FOLDER, ".results"), help="folder of the figures of each run")
    options.add_argument("--system", action="append", choices=SYSTEMS)
    options.add_argument("--scenario", action="append", choices=BY_NAME)
    options.add_argument("--seed", action="append", type=int)
    options.add_argument("--again", action="store_true", help="measure again what is measured")
    options.add_argument("--table", action="store_true")
    options = options.parse_args()
    if not options.table:
        for seed in options.seed or SEEDS:
            for scenario in options.scenario or BY_NAME:
                for system in options.system or SYSTEMS:
                    if os.path.exists(os.path.join(options.results, f"{scenario}.{system}.{seed}.json")) and not options.again:
                        continue
                    began = time.monotonic()
                    figures = measure(options, scenario, system, seed)
                    print(report.line(scenario, system, seed, figures, time.monotonic() - began), flush=True)
    if options.table or not (options.system or options.scenario or options.seed):
        report.table(options.results)


if __name__ == "__main__":
    main()
