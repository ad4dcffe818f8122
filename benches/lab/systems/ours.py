"""This project, by the programs of docs/llm-quotas.md, unchanged: examples/llm/claude.py, gpt.py and generic.py."""

import math
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "examples" / "llm"))

import anthropic
import httpx
import openai
import redis.asyncio
from claude import Claude
from generic import Service
from gpt import Gpt
from quota import Quota

import jobs

from .call import SYSTEM, Caller, System, stamp_async

MARGINS = {"anthropic": 0.05, "openai": 0.03, "generic": 0.03}
LANES = {jobs.BATCH: "LOW", jobs.INTERACTIVE: "HIGH"}


def policies(scenario):
    """Returns the commands that set the policies of a scenario: docs/llm-quotas.md says why they are what they are."""
    for model in scenario.models():
        words = []
        for unit, (kind, limit, capacity) in scenario.limits().items():
            words += ["LIMIT", unit, limit, jobs.MINUTE if kind == "bucket" else f"{jobs.MINUTE * 1010}ms", "UNIT", unit]
            words += ["BUCKET", capacity - math.ceil(limit / 100)] if kind == "bucket" else ["SLIDE"]
            if kind == "sliding" and unit == "requests":
                words += ["LIMIT", "pace", limit, f"{jobs.MINUTE * 1010}ms", "BUCKET", math.ceil(limit * 0.03)]
        yield ["RL.POLICY", "SET", model, *words, "LIMIT", "calls", jobs.PROCESSES * jobs.AT_ONCE, "INFLIGHT"]


class Ours(System):
    retries = 0

    async def start(self):
        server = redis.asyncio.Redis(host="127.0.0.1", port=self.run.redis_port, decode_responses=True, socket_timeout=70)
        quotas = {model: Quota(server, model, margin=MARGINS[self.run.scenario.family]) for model in self.models}
        self.family = self.run.scenario.family
        if self.family == "generic":
            hooks = {"request": [stamp_async]}
            client = httpx.AsyncClient(timeout=60, event_hooks=hooks, headers={"x-lab-process": str(self.run.process)})
            self.service = Service(client, quotas[self.models[0]])
        elif self.family == "openai":
            self.gpt = Gpt(Caller(self.run, 0).asynchronous(), quotas[self.models[0]])
        else:
            self.claude = Claude(Caller(self.run, 0).asynchronous(), quotas, max_tokens=jobs.MOST_OUTPUT)

    async def warm(self, text):
        await self.call(text, jobs.BATCH)

    async def call(self, text, lane):
        priority = LANES[lane]
        messages = [{"role": "user", "content": text}]
        try:
            if self.family == "generic":
                body = {"model": self.models[0], "prompt": text, "max_tokens": jobs.MOST_OUTPUT}
                costs = {"tokens": len(text) // 4 + jobs.MOST_OUTPUT}
                # This provider counts what a request may need, not what it needed. So nothing is read from the answer.
                await self.service.ask(f"{self.run.url}/generate", body, costs, priority=priority)
            elif self.family == "openai":
                await self.gpt.ask(self.models[0], messages, priority)
            else:
                await self.claude.ask(self.models, messages, SYSTEM, priority)
            return True
        except (anthropic.APIStatusError, openai.APIStatusError, httpx.HTTPStatusError, TimeoutError):
            return False
