"""One run: a Redis server, a provider, and the processes of one system in one scenario."""

import asyncio
import gc
import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass, replace

import redis

import jobs
from scenarios import Scenario

FOLDER = os.path.dirname(os.path.abspath(__file__))


@dataclass
class Run:
    """What a process needs to know."""

    scenario: Scenario
    seed: int
    url: str
    redis_port: int
    coordinator_port: int
    process: int = 0


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def ask(url, body=None):
    request = urllib.request.Request(url, data=None if body is None else json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=120) as response:
        return json.loads(response.read())


async def work(run, kind, ready, go):
    """A process: takes its jobs at their times, AT_ONCE at once."""
    system = kind(run)
    await system.start()
    await system.warm(jobs.prompt(run.seed, f"warm-{run.process}"))
    ready.release()
    while not go.value:
        await asyncio.sleep(0.01)
    begin, free, tasks = go.value, asyncio.Semaphore(jobs.AT_ONCE), set()

    async def one(text, lane):
        try:
            await system.call(text, lane)
        finally:
            lane_free[lane].release()

    # Interactive jobs do not wait behind batch in the process itself.
    lane_free = {jobs.BATCH: free, jobs.INTERACTIVE: asyncio.Semaphore(jobs.AT_ONCE)}

    async def lane(name):
        for at, job, of in jobs.arrivals(run.seed, run.process, run.scenario):
            if of != name:
                continue
            await asyncio.sleep(max(0, begin + at - time.monotonic()))
            await lane_free[name].acquire()
            task = asyncio.create_task(one(jobs.prompt(run.seed, job), name))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    await asyncio.gather(*(lane(name) for name in lane_free))
    await asyncio.gather(*tasks)


def process(run, kind, ready, go):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.dup2(os.open(os.environ.get("LAB_ERRORS", os.devnull), os.O_WRONLY | os.O_APPEND | os.O_CREAT), 2)
    asyncio.run(work(run, kind, ready, go))


def start_redis(server, module, port, folder):
    words = [server, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder, "--loadmodule", module]
    return subprocess.Popen(words, stdout=subprocess.DEVNULL)


def wait_for(check, seconds=20):
    end = time.monotonic() + seconds
    while True:
        try:
            return check()
        except (OSError, redis.ConnectionError):
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


WARM = set()


def warm(name, kind, run):
    """Makes the first call here, since the first call of an SDK costs a process a quarter of a second of processor time."""
    if (name, run.scenario.family) in WARM:
        return
    WARM.add((name, run.scenario.family))

    async def call():
        system = kind(run)
        await system.start()
        await asyncio.wait_for(system.warm(jobs.prompt(run.seed, "warm")), 30)

    wait_for(lambda: ask(f"{run.url}/lab/start", {}))
    asyncio.run(call())


def run_once(name, kind, scenario, seed, server, module):
    """Returns the figures of one run."""
    from systems import ours, seed_coordinator

    redis_port, port, coordinator_port = free_ports(3)
    context = multiprocessing.get_context("fork")
    started = []
    with tempfile.TemporaryDirectory(prefix="lab-") as folder:
        try:
            started.append(start_redis(server, module, redis_port, folder))
            config = json.dumps({**scenario.provider(seed), "end": jobs.END})
            provider = subprocess.Popen([sys.executable, f"{FOLDER}/provider.py", "--port", str(port), "--config", config])
            started.append(provider)
            client = redis.Redis(port=redis_port)
            wait_for(client.ping)
            url = f"http://127.0.0.1:{port}"
            wait_for(lambda: ask(f"{url}/lab/start", {}))
            for words in ours.policies(scenario):
                client.execute_command(*words)
            run = Run(scenario, seed, url, redis_port, coordinator_port)
            ready, go = context.Semaphore(0), context.Value("d", 0.0)
            if name == "seed-4-coordinator":
                started.append(context.Process(target=seed_coordinator.serve, args=(coordinator_port,)))
                started[-1].start()
            if name != "litellm":  # it runs threads from its first call on, which a fork does not take along
                warm(name, kind, run)
            gc.collect()
            gc.freeze()
            workers = [
                context.Process(target=process, args=(replace(run, process=number), kind, ready, go)) for number in range(jobs.PROCESSES)
            ]
            for worker in workers:
                worker.start()
            started.extend(workers)
            for _ in workers:
                if not ready.acquire(timeout=120):
                    raise RuntimeError(f"{name}: a process did not start")
            client.flushall()
            ask(f"{url}/lab/start", {})
            client.config_resetstat()
            go.value = begin = time.monotonic()
            if scenario.killed:
                time.sleep(jobs.END / 2)
                for worker in workers[:: jobs.PROCESSES // scenario.killed]:
                    worker.kill()
            time.sleep(max(0, begin + jobs.END - time.monotonic()))
            commands = {verb.removeprefix("cmdstat_"): part["calls"] + part["rejected_calls"] for verb, part in client.info("commandstats").items()}
            figures = ask(f"{url}/lab/log")
            figures["commands"] = commands
            return figures
        finally:
            for each in reversed(started):
                each.kill()
            for each in started:
                each.wait() if isinstance(each, subprocess.Popen) else each.join()
