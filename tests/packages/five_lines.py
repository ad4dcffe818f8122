#!/usr/bin/env python3
"""Types the five lines of the pages into clean projects, and calls the lab's provider with them by many processes.

    five_lines.py [--only NAME] [--minutes 10] [--processes 50] [--seed 1]

A clean project has the package as it would be published (a wheel, a tarball of npm pack), the SDK, and what these depend on. The
processes have 1.5 times as many calls as the limits allow. By the provider's own log, at most 0.1 % of their requests may be refused, and
they must get at least 97 % of what the limits allow. A minute of the provider is 6 s: a request that this machine delays by 0.2 s is 2 s late
there. So the machine must have nothing else to do. .ci/test-five-lines.sh installs what this needs.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "clients" / "python" / "tests"), str(ROOT / "benches" / "lab")]

import jobs  # noqa: E402
from redis_rl import Limit, Limiter  # noqa: E402
from scenarios import Scenario  # noqa: E402
from servers import Provider, Server, folder  # noqa: E402

REFUSED, USED = 0.001, 0.97
CALLS = Path(__file__).parent / "five_lines"


@dataclass
class Lines:
    """The five lines of a page: the block that begins so, up to the line that makes the client."""

    page: str
    fence: str
    begin: str
    sdk: str
    before: str = ""
    httpx: bool = False

    def text(self) -> str:
        for block in re.findall(rf"^```{self.fence}\n(.*?)^```$", (ROOT / self.page).read_text(), re.M | re.S):
            if block.startswith(self.begin):
                lines = (self.before + block).splitlines()
                last = next(at for at, line in enumerate(lines) if re.match(r"(const )?claude = ", line))
                assert last < 5, f"{self.page}: these are {last + 1} lines"
                text = "\n".join(lines[: last + 1]) + "\n"
                return text.replace("httpx2", "httpx") if self.httpx else text
        raise AssertionError(f"{self.page} has no block that begins with {self.begin}")


# `anthropic` takes clients of httpx2 alone since version 1, and took clients of httpx alone before.
ALL = {
    "readme": Lines("README.md", "python", "import anthropic", "anthropic", before="import redis_rl\n"),
    "asyncio": Lines("clients/python/README.md", "python", "import anthropic", "anthropic"),
    "httpx": Lines("clients/python/README.md", "python", "import anthropic", "anthropic<1", httpx=True),
    "typescript": Lines("docs/clients.md", "ts", "import Anthropic", "@anthropic-ai/sdk"),
}


def run(*words: str | Path, place: Path) -> None:
    done = subprocess.run(words, cwd=place, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, words))}: {done.stdout}{done.stderr}")


def packed(place: Path) -> tuple[Path, Path]:
    """Builds the wheel and the tarball."""
    run(sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", place, ROOT / "clients" / "python", place=place)
    run("npm", "pack", "--silent", "--pack-destination", place, place=ROOT / "clients" / "typescript")
    return next(place.glob("*.whl")), next(place.glob("*.tgz"))


def project(lines: Lines, place: Path, url: str) -> list[str]:
    """Makes a clean project with the lines. Returns the words that run them."""
    wheel, tarball = packed(place)
    text = lines.text().replace("redis://localhost", url)
    if lines.fence == "python":
        run(sys.executable, "-m", "venv", place / "venv", place=place)
        python = place / "venv" / "bin" / "python"
        run(python, "-m", "pip", "install", "-q", "--disable-pip-version-check", f"{wheel}[redis]", lines.sdk, place=place)
        shutil.copy(CALLS / "calls.py", place)
        (place / "lines.py").write_text(f"{text}\nfrom calls import run\nrun(claude)\n")
        return [str(python), "lines.py"]
    (place / "package.json").write_text('{ "private": true }')
    run("npm", "install", "--silent", "--no-audit", "--no-fund", tarball, lines.sdk, place=place)
    shutil.copy(CALLS / "calls.mjs", place)
    (place / "lines.mjs").write_text(f"{text}\nimport {{ run }} from './calls.mjs'\nawait run(claude)\n")
    return ["node", "lines.mjs"]


def policy(scenario: Scenario) -> Iterator[Limit]:
    """A little less than the provider's limits, as docs/llm-quotas.md says."""
    for unit, (_, limit, capacity) in scenario.limits().items():
        yield Limit(unit, limit, jobs.MINUTE, unit=unit, algorithm="bucket", capacity=capacity - math.ceil(limit / 100))


def asked(url: str, body: Any = None) -> Any:
    request = urllib.request.Request(url, data=None if body is None else json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=120) as response:
        return json.loads(response.read())


def measure(lines: Lines, minutes: int, processes: int, seed: int, place: Path) -> Any:
    scenario = Scenario("five lines", "", demand=((0, minutes, 1.5 * jobs.PROCESSES / processes),))
    config = {**scenario.provider(seed), "end": minutes * jobs.MINUTE}
    with Server() as server, Provider(json.dumps(config)) as provider:
        with Limiter(server.url) as limiter:
            limiter.policy_set("claude-sonnet", list(policy(scenario)))
        asked(f"{provider.url}/lab/start", {})
        words = project(lines, place, server.url)
        environment = {**os.environ, "ANTHROPIC_API_KEY": "none", "ANTHROPIC_BASE_URL": provider.url}
        environment.pop("PYTHONPATH", None)
        workers: list[subprocess.Popen[str]] = []
        with open(place / "errors", "w") as errors:
            try:
                for number in range(processes):
                    work = {
                        "at_once": jobs.AT_ONCE,
                        "warm": jobs.prompt(seed, f"warm-{number}"),
                        "jobs": [(at, jobs.prompt(seed, job)) for at, job, _ in jobs.arrivals(seed, number, scenario)],
                    }
                    file = place / f"jobs-{number}.json"
                    file.write_text(json.dumps(work))
                    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": errors}
                    workers.append(subprocess.Popen([*words, str(file)], cwd=place, env=environment, text=True, **pipes))
                for worker in workers:
                    assert worker.stdout and worker.stdout.readline() == "ready\n", (place / "errors").read_text()[-2000:]
                server.client.flushall()
                asked(f"{provider.url}/lab/start", {})
                begin = time.monotonic()
                for worker in workers:
                    assert worker.stdin
                    worker.stdin.write("go\n")
                    worker.stdin.flush()
                time.sleep(max(0, begin + minutes * jobs.MINUTE - time.monotonic()))
                log = asked(f"{provider.url}/lab/log")
                figures = {**log["begin"], "refused_at": log["refused_at"]}
            finally:
                for worker in workers:
                    worker.kill()
                    worker.wait()
        figures["errors"] = (place / "errors").read_text().splitlines()
    return figures


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--only", choices=ALL)
    options.add_argument("--minutes", type=int, default=10)
    options.add_argument("--processes", type=int, default=50)
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    missed = []
    for name, lines in ALL.items():
        if chosen.only not in (None, name):
            continue
        place = folder()
        figures = measure(lines, chosen.minutes, chosen.processes, chosen.seed, place)
        refused, used = figures["refused"] / figures["requests"], figures["use"]["claude-sonnet"]
        says = f"{figures['requests']} requests, {figures['refused']} refused ({refused:.2%}), {used:.1%} of the limit"
        print(f"{name}, {chosen.processes} processes: {says}; {len(figures['errors'])} errors {figures['errors'][-1:]}", flush=True)
        if figures["refused_at"]:
            print(f"  refused at {figures['refused_at']} s", flush=True)
        if refused > REFUSED or used < USED:
            missed.append(name)
        shutil.rmtree(place)
    if missed:
        sys.exit(f"five_lines.py: more than {REFUSED:.1%} refused, or less than {USED:.0%} of the limit: {', '.join(missed)}")


if __name__ == "__main__":
    main()
