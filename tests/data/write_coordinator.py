#!/usr/bin/env python3
"""Writes a snapshot of rl-coordinator, and what it answered once it had loaded it.

    tests/data/write_coordinator.py FOLDER PROGRAM      such as
    tests/data/write_coordinator.py tests/data/60a1568/coordinator target/release/rl-coordinator

README.md says what is in the folder then.
"""

import http.client
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DECADE = {"window": "3650d", "offset": "2500d"}  # begins in October 2026

POLICIES = """\
[policy.model]
rpm   = { limit = 100, window = "3650d" }
tpm   = { limit = 90_000, window = "3650d", unit = "tokens" }
day   = { limit = 5000, window = "3650d", algorithm = "window", offset = "2500d" }
burst = { limit = 1, window = "3650d", unit = "tokens", algorithm = "bucket", capacity = 80_000 }
calls = { inflight = 20 }
"""

SPELLED = [
    {"name": "s", "limit": 100, "window": "3650d"},
    {"name": "w", "limit": 90, "unit": "tokens", "algorithm": "window", **DECADE},
    {"name": "b", "limit": 1, "window": "3650d", "unit": "tokens", "algorithm": "bucket", "capacity": 80},
    {"name": "n", "inflight": 9},
]
OTHER = [SPELLED[0], {"name": "x", "limit": 7, "window": "3640d"}]
MONTH = [SPELLED[0], {"name": "m", "limit": 7, "window": "1mo", "algorithm": "window", "offset": "-8h"}]
ODD = "käy \" \\ \n\x00"


def slide(key, limit, window="3650d", cost=1):
    return "slide", {"key": key, "limit": limit, "window": window, "cost": cost}


def window(key, limit, cost, **length):
    return "window", {"key": key, "limit": limit, "cost": cost, **(length or DECADE)}


def bucket(key, capacity, refill, cost, period="3650d"):
    return "bucket", {"key": key, "capacity": capacity, "refill": refill, "period": period, "cost": cost}


def quota(key, id, limits=None, **cost):
    by = {"limits": limits} if limits else {"policy": "model"}
    return "quota", {"key": key, **by, "cost": cost, "reserve": "3650d", "id": id}


def settle(key, id, **cost):
    return "settle", {"key": key, "id": id, "cost": cost}


BEFORE = [
    slide("slide:short", 100, cost=7),
    slide("slide:limit", 100, cost=60), slide("slide:limit", 80),
    slide("slide:longer", 50, cost=20), slide("slide:longer", 60, "3640d", cost=10),
    slide("slide:empty", 5, cost=2), ("refund", {"key": "slide:empty", "cost": 2}),
    slide("slide:largest", 2**53 - 1, cost=2**53 - 1),
    *(slide("slide:dense", 1000, cost=1 + index % 3) for index in range(300)),
    window("window:span", 100, 7), ("refund", {"key": "window:span", "cost": 2}),
    window("window:two", 100, 7), window("window:two", 90, 6, window="3640d", offset="2500d"),
    bucket("bucket:whole", 100, 1, 7), bucket("bucket:decimal", 100, 0.25, 8),
    bucket("bucket:two", 100, 1, 9), bucket("bucket:two", 50, 0.5, 10),
    bucket(ODD, 9, 1, 4), bucket("k" * 300, 9, 1, 5),
    quota("quota:spelled", "one", SPELLED, tokens=10), quota("quota:spelled", "two", SPELLED, tokens=20),
    quota("quota:spelled", "three", SPELLED, tokens=3), settle("quota:spelled", "one", tokens=4),
    ("cancel", {"key": "quota:spelled", "id": "two"}),
    *(quota("quota:policy", id, tokens=500, requests=2) for id in ("call-1", "call-2", "call-3")),
    settle("quota:policy", "call-1", tokens=700), ("renew", {"key": "quota:policy", "id": "call-2", "ttl": "3649d"}),
    quota("quota:retired", "first", SPELLED, tokens=3), quota("quota:retired", "second", OTHER),
    quota("quota:month", "kept", MONTH),
]
KEYS = sorted({body["key"] for _, body in BEFORE} - {"quota:month"})
QUESTIONS = [
    *(("peek", {"key": key}) for key in KEYS),
    *(("peek", {"key": key, "cost": 60}) for key in KEYS),
    quota("quota:policy", "call-2", tokens=9),  # answered as the first time
    quota("quota:policy", "call-4", tokens=100),
    settle("quota:policy", "call-1", tokens=1), settle("quota:policy", "call-2", tokens=600),
    ("renew", {"key": "quota:policy", "id": "call-3", "ttl": "3650d"}),
    ("cancel", {"key": "quota:policy", "id": "call-3"}),
    settle("quota:spelled", "three", tokens=80), settle("quota:spelled", "three", tokens=80),
    settle("quota:retired", "first", tokens=1), ("cancel", {"key": "quota:retired", "id": "second"}),
    ("cancel", {"key": "quota:month", "id": "kept"}), ("cancel", {"key": "quota:month", "id": "kept"}),
    slide("slide:short", 100, cost=90), slide("slide:short", 100, cost=90), slide("slide:longer", 50, cost=21),
    window("window:span", 100, 94), window("window:two", 100, 5),
    bucket("bucket:whole", 100, 1, 93), bucket("bucket:two", 100, 1, 1), slide("bucket:whole", 1),
    ("refund", {"key": "slide:dense", "cost": 50}), ("refund", {"key": "bucket:decimal", "cost": 3}),
    *(("peek", {"key": key}) for key in KEYS),
]


class Coordinator:
    """The program on the files in a folder, until the block ends."""

    def __init__(self, program, folder):
        self.folder = folder
        arguments = ["--listen", "127.0.0.1:0", "--snapshot", "limits", "--policies", "policies.toml"]
        self.process = subprocess.Popen([program, *arguments], cwd=folder, stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if "listening on http://" in line:
                address = line.split("listening on http://")[1].split()[0]
                break
        else:
            raise SystemExit("it does not start")
        self.http = http.client.HTTPConnection(address)

    def ask(self, command, body):
        self.http.request("POST", f"/v1/{command}", json.dumps(body), {"Content-Type": "application/json"})
        answer = self.http.getresponse()
        return answer.status, json.loads(answer.read())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()  # which saves
        self.process.communicate()


def load(program, folder, pause):
    """Answers of a program that has loaded a copy of the folder, with a pause (seconds) before each."""
    with tempfile.TemporaryDirectory() as copy:
        shutil.copytree(folder, copy, dirs_exist_ok=True)
        with Coordinator(program, copy) as coordinator:
            for question in QUESTIONS:
                time.sleep(pause)
                yield coordinator.ask(*question)


def merged(one, two):
    """What another load answers otherwise depends on the clock: it is "*"."""
    if isinstance(one, dict) and isinstance(two, dict):
        assert one.keys() == two.keys()
        return {name: merged(one[name], two[name]) for name in one}
    if isinstance(one, list) and isinstance(two, list):
        assert len(one) == len(two)
        return [merged(*pair) for pair in zip(one, two)]
    return one if one == two else "*"


def main():
    folder, program = Path(sys.argv[1]), Path(sys.argv[2]).resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "policies.toml").write_text(POLICIES)
    with Coordinator(program, folder) as coordinator:
        for question in BEFORE:
            status, answer = coordinator.ask(*question)
            assert status == 200, (question, answer)
    (folder / "limits.lock").unlink()
    lines = []
    loads = [list(load(program, folder, pause)) for pause in (0, 0.003)]
    for question, (status, answer), (again, later) in zip(QUESTIONS, *loads, strict=True):
        assert status == again
        if status not in (200, 429):
            answer, later = {"code": answer["code"]}, {"code": later["code"]}  # not the texts
        lines.append(f"> {question[0]} {json.dumps(question[1])}\n{status} {json.dumps(merged(answer, later))}\n")
    (folder / "answers").write_text("".join(lines))
    print(f"{folder}: {len(lines)} answers")


if __name__ == "__main__":
    main()
