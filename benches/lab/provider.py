#!/usr/bin/env python3
"""The provider of the lab: a real HTTP server with the limits, headers, refusals and streams of the providers of LLMs.

    POST /v1/messages             as Anthropic's: token buckets, anthropic-ratelimit-* headers, JSON or a stream
    POST /v1/chat/completions     as OpenAI's: windows, x-ratelimit-* headers, JSON or a stream
    POST /generate                plain JSON; of its limits it tells retry-after only
    POST /lab/start, GET /lab/log for the lab: the clock of the run begins; what came, and what the limits allowed

How long an answer is and how long it takes follows from the seed and the number of the job, which the prompt tells. The log of
requests is the judge of the lab. Configuration: see `Scenario.provider`, and OPTIONS.

    provider.py --port 8090 --config '{"seed": 1, "minute": 60, "models": {"claude-sonnet": {"requests": ["bucket", 300, 60]}}}'
"""

import argparse
import asyncio
import copy
import json
import math
import random
import time

from aiohttp import web

import anthropic_api
import generic_api
import jobs
import judge
import openai_api
from meters import KINDS

OPTIONS = {
    "refused_count": False,  # a refused request is counted as a request
    "foreign": 0.0,  # share of the limits that strangers use, from `change` on
    "factor": 1.0,  # by which the limits are multiplied at `change`
    "change": 0.0,  # seconds after the start
    "overloaded": 0.0,  # share of requests that are answered 529
    "after": 10.0,  # seconds of a real provider after `change`, from which the judge counts
}
PARTS = 3  # of an answer: its output is produced, and charged, in so many parts


class Provider:
    def __init__(self, config):
        self.config = {**OPTIONS, **config}
        self.scale = self.config["minute"] / 60
        self.dice = random.Random(self.config["seed"])
        self.begin = None
        self.log, self.tasks = [], []
        self.models = {
            model: {unit: KINDS[kind](limit, self.config["minute"], capacity) for unit, (kind, limit, capacity) in limits.items()}
            for model, limits in self.config["models"].items()
        }
        self.copies = {}  # the limits at the times from which the judge counts

    def now(self):
        return time.monotonic() - (self.begin or 0)

    def keep(self, name):
        self.copies[name] = (self.now(), copy.deepcopy(self.models))

    async def start(self, _):
        """Begins the clock of the run, anew if it runs."""
        for task in self.tasks:
            task.cancel()
        fresh = Provider(self.config)
        self.models, self.log = fresh.models, []
        self.begin = time.monotonic()
        self.keep("begin")
        self.tasks = [asyncio.create_task(self.change())]
        if self.config["foreign"]:
            self.tasks += [asyncio.create_task(self.strangers(model)) for model in self.models]
        return web.json_response({})

    async def change(self):
        await asyncio.sleep(self.config["change"])
        for meters in self.models.values():
            for meter in meters.values():
                if self.config["factor"] != 1:
                    meter.change(self.now(), self.config["factor"])
        await asyncio.sleep(self.config["after"] * self.scale)
        self.keep("after")

    async def strangers(self, model):
        """Takes a share of the limits. Strangers are refused, too, and then go away."""
        meters = self.models[model]
        await asyncio.sleep(self.config["change"])
        rate = self.config["foreign"] * self.config["models"][model]["requests"][1] / self.config["minute"]
        cost = {"requests": 1, "input": jobs.INPUT, "output": jobs.OUTPUT, "tokens": jobs.MOST_OUTPUT}
        at = self.now()
        while True:
            at += self.dice.expovariate(rate)
            await asyncio.sleep(max(0, at - self.now()))
            now = self.now()
            costs = {unit: cost[unit] for unit in meters}
            fits = all(meter.room(now) >= costs[unit] for unit, meter in meters.items())
            if fits:
                for unit, meter in meters.items():
                    meter.take(now, costs[unit])
            self.log.append({"at": now, "who": "foreign", "model": model, "status": 200 if fits else 429, "costs": costs if fits else {}})

    def decide(self, model, costs, request):
        """Admits or refuses a request, and logs it. Returns the entry of the log and the seconds to wait."""
        now, meters = self.now(), self.models[model]
        entry = {"at": now, "who": request.headers.get("x-lab-process", "?"), "model": model, "costs": {}, "done": None}
        entry["sent"] = float(request.headers.get("x-lab-admitted") or 0) and time.time() - float(request.headers["x-lab-admitted"])
        self.log.append(entry)
        if self.dice.random() < self.config["overloaded"]:
            entry["status"] = 529
            return entry, 0
        # Output is not known yet: a request is refused only if none is left.
        entry["room"] = meters["requests"].room(now)
        waits = {unit: meter.wait(now, costs.get(unit, 1)) for unit, meter in meters.items() if unit in costs or unit == "output"}
        entry["status"] = 429 if any(waits.values()) else 200
        if entry["status"] == 200 or self.config["refused_count"]:
            for unit, cost in costs.items():
                if unit in meters and (entry["status"] == 200 or unit == "requests"):
                    meters[unit].take(now, cost)
                    entry["costs"][unit] = cost
        return entry, max(waits.values())

    async def produce(self, entry, seed_job):
        """Produces an answer in parts: yields the tokens of each."""
        _, produced, seconds = jobs.size(self.config["seed"], seed_job)
        meter = self.models[entry["model"]].get("output")
        entry["job"], entry["output"] = seed_job, []
        for part in range(PARTS):
            await asyncio.sleep(seconds / PARTS)
            tokens = produced * (part + 1) // PARTS - produced * part // PARTS
            if meter:
                meter.take(self.now(), tokens)
                entry["output"].append((self.now(), tokens))
            yield tokens
        entry["done"] = self.now()

    def retry_after(self, seconds):
        """Whole seconds of a real provider, in the lab's time."""
        return {"retry-after": f"{max(1, math.ceil(seconds / self.scale)) * self.scale:.3f}"}


def application(config):
    provider = Provider(config)
    app = web.Application(client_max_size=1 << 24)
    app["provider"] = provider
    app.router.add_post("/lab/start", provider.start)
    app.router.add_get("/lab/log", judged)
    for api in (anthropic_api, openai_api, generic_api):
        api.routes(app, provider)
    return app


async def judged(request):
    provider = request.app["provider"]
    for task in provider.tasks:
        task.cancel()
    return web.json_response(judge.figures(provider))


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--port", type=int, default=8090)
    options.add_argument("--config", type=json.loads, required=True)
    options = options.parse_args()
    web.run_app(application(options.config), host="127.0.0.1", port=options.port, print=None, access_log=None)


if __name__ == "__main__":
    main()
