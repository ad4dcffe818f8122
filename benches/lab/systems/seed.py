"""The recipes 1 to 5 for processes that share an account, as published: their Redis keys, scripts, sleeps and attempts.

Periods are scaled, limits are the provider's, and the model's client is the SDK with its own retries, as there. Calls block a thread.
"""

import asyncio
import concurrent.futures
import json
import time
import urllib.request

import redis

import jobs
from jobs import MINUTE, REQUESTS, SCALE

from .call import Refused, System


class Recipe(System):
    async def start(self):
        self.threads = concurrent.futures.ThreadPoolExecutor(jobs.AT_ONCE)
        self.redis = redis.Redis(host="127.0.0.1", port=self.run.redis_port, decode_responses=True)
        self.prepare()

    def prepare(self):
        pass

    async def warm(self, text):
        await asyncio.get_running_loop().run_in_executor(self.threads, self.send, text)

    async def call(self, text, lane):
        return await asyncio.get_running_loop().run_in_executor(self.threads, self.attempt, text)

    def send(self, text, model="claude-sonnet", most=jobs.MOST_OUTPUT):
        try:
            self.caller.call(text, model, most)
            return True
        except Refused:
            return False


class FixedWindow(Recipe):
    """INCR and EXPIRE of a key for each window; DECR after a denial; a look each half second."""

    def key(self):
        return f"anthropic:rpm:{int(time.time()) // MINUTE}"

    def check_and_increment(self):
        pipe = self.redis.pipeline()
        pipe.incr(self.key())
        pipe.expire(self.key(), MINUTE * 2)
        return pipe.execute()[0] <= REQUESTS

    def attempt(self, text):
        if not self.check_and_increment():
            self.redis.decr(self.key())
            while not self.check_and_increment():
                self.redis.decr(self.key())
                following = (int(time.time()) // MINUTE + 1) * MINUTE
                time.sleep(min(0.5 * SCALE, following - time.time() + 0.01 * SCALE))
        return self.send(text)


SLIDING = """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[2])
local count = redis.call('ZCARD', KEYS[1])
if count < tonumber(ARGV[3]) then
  redis.call('ZADD', KEYS[1], ARGV[1], ARGV[4])
  redis.call('EXPIRE', KEYS[1], ARGV[5] * 2)
  return {1, count + 1}
end
return {0, count}
"""


class SlidingWindow(Recipe):
    """A sorted set, the client's clock, at most three attempts."""

    key = "anthropic:sliding:rpm"

    def attempt(self, text):
        for _ in range(3):
            now = time.time()
            allowed, _ = self.redis.eval(SLIDING, 1, self.key, now, now - MINUTE, REQUESTS, f"{now:.6f}-{id(self)}", MINUTE)
            if allowed:
                return self.send(text)
            oldest = self.redis.zrange(self.key, 0, 0, withscores=True)
            time.sleep(max(0.0, oldest[0][1] + MINUTE - time.time() + 0.1 * SCALE) if oldest else 0)
        return False


BUCKET = """
local tokens = tonumber(redis.call('GET', KEYS[1]) or ARGV[1])
local last = tonumber(redis.call('GET', KEYS[2]) or ARGV[4])
tokens = math.min(tonumber(ARGV[1]), tokens + (tonumber(ARGV[4]) - last) * tonumber(ARGV[2]))
local allowed = 0
if tokens >= tonumber(ARGV[3]) then
  tokens = tokens - tonumber(ARGV[3])
  allowed = 1
end
redis.call('SET', KEYS[1], tokens)
redis.call('SET', KEYS[2], ARGV[4])
redis.call('EXPIRE', KEYS[1], 3600)
redis.call('EXPIRE', KEYS[2], 3600)
return {allowed, math.floor(tokens)}
"""


class Bucket(Recipe):
    """A bucket of two keys. It holds a fifth of a minute, as the provider's does; for windows a tenth, as published."""

    rate = REQUESTS / MINUTE

    def prepare(self):
        self.script = self.redis.register_script(BUCKET)
        self.capacity = REQUESTS // (5 if self.run.scenario.family == "anthropic" else 10)
        self.keys = ["anthropic:token_bucket:tokens", "anthropic:token_bucket:last_refill"]

    def attempt(self, text):
        while not self.script(keys=self.keys, args=[self.capacity, self.rate, 1, time.time()])[0]:
            current = float(self.redis.get(self.keys[0]) or self.capacity)
            time.sleep(max(0, 1 - current) / self.rate + 0.01 * SCALE)
        return self.send(text)


class Coordinator(Recipe):
    """An HTTP service with one sliding window (seed_coordinator.py), asked for at most half a minute."""

    def allow(self):
        try:
            request = urllib.request.Request(f"http://127.0.0.1:{self.run.coordinator_port}/allow", method="POST")
            with urllib.request.urlopen(request, timeout=2) as response:
                data = json.loads(response.read())
            return data["allowed"], data.get("retry_after", 0.0)
        except Exception:  # as published: if the coordinator is away, allow
            return True, 0.0

    def attempt(self, text):
        waited = 0.0
        while waited < 30 * SCALE:
            allowed, retry_after = self.allow()
            if allowed:
                return self.send(text)
            wait = min(retry_after, 30 * SCALE - waited)
            time.sleep(wait)
            waited += wait
        return False


class Quotas(Recipe):
    """Requests and tokens of each model in counters of fixed windows, rolled back by hand; the next model if one is full; else dropped."""

    estimate = 500

    def prepare(self):
        limits = self.run.scenario.limits()
        tokens = limits["tokens"][1] if "tokens" in limits else limits["input"][1] + limits["output"][1]
        self.most = {"rpm": (REQUESTS, 1, MINUTE), "tpm": (tokens, self.estimate, MINUTE), "tpd": (tokens * 1440, self.estimate, MINUTE * 1440)}

    def key(self, model, name):
        return f"quota:{model}:{name}:{int(time.time()) // self.most[name][2]}"

    def reserve(self, model):
        pipe = self.redis.pipeline()
        for name, (_, cost, window) in self.most.items():
            pipe.incrby(self.key(model, name), cost)
            pipe.expire(self.key(model, name), window * 2)
        used = pipe.execute()[::2]
        if all(now <= most for now, (most, _, _) in zip(used, self.most.values())):
            return True
        pipe = self.redis.pipeline()
        for name, (_, cost, _) in self.most.items():
            pipe.decrby(self.key(model, name), cost)
        pipe.execute()
        return False

    def attempt(self, text):
        model = next((model for model in self.models if self.reserve(model)), None)
        return self.send(text, model, min(self.estimate, 1024)) if model else False
