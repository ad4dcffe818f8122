#!/usr/bin/env python3
"""The programs in examples/llm, unchanged, in several processes, against the lab's provider and a real server with the module.

A run has a provider whose limits bite: there are more calls than it admits. It ends when every call has its answer. What a program did
is judged by the provider's own log, and what is left of it by RL.INFO.

    run.py --server redis-server --module libredis_rl.so [--case claude]
"""

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

LAB = Path(__file__).parents[2] / "benches" / "lab"
sys.path.insert(0, str(LAB))

import jobs

jobs.PROCESSES, jobs.AT_ONCE = 5, 12  # few processes and a longer minute than the lab's: this runs beside other work
jobs.MINUTE, jobs.MINUTES = 8, 2
jobs.SCALE, jobs.END = jobs.MINUTE / 60, jobs.MINUTE * jobs.MINUTES

import redis
from run import Run, ask, free_ports, process, start_redis, wait_for
from scenarios import Scenario
from systems import load, ours

MORE = 1.2  # calls ÷ what the limits allow
SEED = 1
AT_A_TIME = 2  # cases
AFTER = 20  # seconds of a real provider's minute from a change to the judgement
REFUSED_MOST = 0.01  # share of the calls
USED_LEAST = 0.90  # share of what the limits allow, if nobody else uses them
USED_ELSE = 0.80  # the same just after they were halved, and for a second model, which is idle at first

FIRST, REST = (0, 1, MORE), (1, jobs.MINUTES, MORE / 2)
ALL = (0, jobs.MINUTES, MORE)
CASES = [
    Scenario("claude", "token buckets; two models: the second answers when the first is full", fallback=True, demand=(ALL, ALL)),
    Scenario("gpt", "sliding windows, refused requests count", family="openai", demand=(ALL,)),
    Scenario("gpt-foreign", "the same, and strangers use 30 % after a minute", family="openai", foreign=0.3, change=1, demand=(ALL,)),
    Scenario("generic", "fixed windows, and no headers but retry-after", family="generic", demand=(ALL,)),
    Scenario("claude-halved", "the provider halves its limits after a minute", factor=0.5, change=1, demand=(FIRST, REST)),
    Scenario("gpt-halved", "the same with sliding windows", family="openai", factor=0.5, change=1, demand=(FIRST, REST)),
]


def run(scenario, server, module, folder):
    """Returns the provider's figures, and what RL.INFO says of the key of each model after the last call."""
    redis_port, port = free_ports(2)
    context = multiprocessing.get_context("fork")
    started = [start_redis(server, module, redis_port, folder)]
    workers = []
    try:
        config = json.dumps({**scenario.provider(SEED), "end": jobs.END, "after": AFTER})
        started.append(subprocess.Popen([sys.executable, f"{LAB}/provider.py", "--port", str(port), "--config", config]))
        client = redis.Redis(port=redis_port, decode_responses=True, protocol=3)
        wait_for(client.ping)
        for words in ours.policies(scenario):
            client.execute_command(*words)
        url = f"http://127.0.0.1:{port}"
        wait_for(lambda: ask(f"{url}/lab/start", {}))
        ready, go = context.Semaphore(0), context.Value("d", 0.0)
        of_run = Run(scenario, SEED, url, redis_port, 0)
        workers = [
            context.Process(target=process, args=(replace(of_run, process=number), load("redis-rl"), ready, go)) for number in range(jobs.PROCESSES)
        ]
        for worker in workers:
            worker.start()
        for _ in workers:
            assert ready.acquire(timeout=60), f"{scenario.name}: a process did not start"
        client.flushall()
        ask(f"{url}/lab/start", {})
        go.value = time.monotonic()
        for worker in workers:
            worker.join(jobs.END + 90)
            assert worker.exitcode == 0, f"{scenario.name}: a process ended with {worker.exitcode}"
        info = {model: client.execute_command("RL.INFO", model) for model in scenario.models()}
        return ask(f"{url}/lab/log"), info
    finally:
        for worker in workers:
            worker.kill()
        for each in started:
            each.kill()
            each.wait()


def check(scenario, figures, info):
    for model, of_key in info.items():
        # A key that has expired has none: an open reservation keeps its key.
        assert not of_key or of_key["reservations"] == 0, f"{model}: reservations left open: {of_key}"
    part = figures["after" if scenario.change else "begin"]
    if scenario.change:
        refused = figures["begin"]["refused"] - part["refused"]
        print(f"  refused until {AFTER} seconds of a minute after the change: {refused}")
    shares = ", ".join(f"{model} {share:.1%}" for model, share in part["use"].items())
    print(f"  then: {part['refused']} of {part['requests']} calls refused; used of what the limits allow: {shares}", flush=True)
    assert part["refused"] <= REFUSED_MOST * part["requests"], f"{part['refused']} of {part['requests']} refused: {figures['refused_at']}"
    for model, share in part["use"].items():
        is_first = model == scenario.models()[0]
        enough = USED_LEAST if is_first and scenario.factor == 1 else USED_ELSE
        assert share >= enough, f"only {share:.1%} of the limits of {model} used: {part['shares']}"


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--server", required=True)
    options.add_argument("--module", required=True)
    options.add_argument("--case", action="append", choices=[case.name for case in CASES])
    options = options.parse_args()
    if not options.case:
        for at in range(0, len(CASES), AT_A_TIME):
            together(CASES[at : at + AT_A_TIME])
        return
    for case in CASES:
        if case.name in options.case:
            alone(case, options.server, os.path.abspath(options.module))


def together(cases):
    """Runs cases at the same time, each in a process of its own. Most of the time they wait."""
    words = [sys.executable, *sys.argv]
    started = [subprocess.Popen([*words, "--case", case.name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for case in cases]
    failed = []
    for case, each in zip(cases, started):
        print(each.communicate()[0], end="", flush=True)
        failed += [case] if each.returncode else []
    for case in failed:  # a machine may be too busy for two: this is no fault of the program if it does not happen again
        print(f"{case.name}: once more, alone", flush=True)
        subprocess.run([*words, "--case", case.name], check=True)


def alone(case, server, module):
    began = time.monotonic()
    print(f"{case.name}: {case.says}", flush=True)
    with tempfile.TemporaryDirectory(prefix="rl-llm-") as folder:
        errors = os.environ["LAB_ERRORS"] = f"{folder}/errors"
        try:
            check(case, *run(case, server, module, folder))
        except BaseException:
            print(Path(errors).read_text() if os.path.exists(errors) else "", file=sys.stderr)
            raise
    print(f"  {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
