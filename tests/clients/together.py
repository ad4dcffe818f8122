"""All programs at once: on one sliding window, one quota with reservations, and one line with lanes.

Each process has a connection of its own and repeats one command. What the server admitted is then read from the
append-only file and held against the oracle, which keeps and sums everything.
"""

import json
import os
import re
import statistics
import subprocess
import threading
import time
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass

from aof import Admitted, Marked, Settled, events
from oracle import InFlight, Slide
from redis import Redis
from server import Server, wait_until

WINDOW_MS = 1_000
SLIDE = ["RL.SLIDE", "slide", "1000", "1"]
TOKENS, USED = 100, 40  # reserved tokens, and the used tokens that load programs settle
QUOTA = ["RL.QUOTA", "quota", "LIMIT", "rpm", "400", "1", "LIMIT", "tpm", "20000", "1", "UNIT", "tokens",
         "LIMIT", "calls", "12", "INFLIGHT", "COST", "tokens", str(TOKENS), "RESERVE", "60"]
LANES = ["CRITICAL", "HIGH", "NORMAL", "LOW"]
COST = 1_000_000  # of a request in the line; the process number is added to it, so that the file names the process
LINE_RATE = 6
LINE_LIMIT = LINE_RATE * COST + COST // 2
PAUSE_MS = 3_000  # the longest pause between two requests of a process in the line

ROWS = "[" + ",".join(["[string,int,int,int,int]"] * 3) + "]"
FIVE = re.escape("[int,int,int,int,int]")
SHAPES = {  # admitted, denied
    "slide": (FIVE, FIVE),
    "quota": (re.escape(f"[int,int,[],{ROWS},string]"), r"\[int,int,\[string(,string)*\]," + re.escape(f"{ROWS},nil]")),
    "line": (FIVE, FIVE),
}


@dataclass
class Load:
    """One process: what it is, and what it saw."""

    name: str
    key: str
    lane: int
    process: subprocess.Popen
    saw: dict | None = None

    def is_ready(self):
        assert self.process.stdout.readline() == "ready\n", f"{self.name} has not come up"

    def go(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def finish(self):
        out, _ = self.process.communicate(timeout=180)
        assert self.process.returncode == 0, f"{self.name} ends with {self.process.returncode}"
        self.saw = json.loads(out)


def start(programs, copies, seconds, main, line):
    """Every program in every protocol on every key; in the line they take turns in the lanes."""
    loads = []
    kinds = [(program, protocol) for program in programs for protocol in program.protocols for _ in range(copies)]
    for number, (program, protocol) in enumerate(kinds):
        lane = number % len(LANES)
        wait = ["RL.SLIDE", "line", str(LINE_LIMIT), "1", "COST", str(COST + number), "WAIT", "120", "PRIORITY", LANES[lane]]
        for key, server, pause, command in [("slide", main, 0, SLIDE), ("quota", main, 0, QUOTA), ("line", line, PAUSE_MS, wait)]:
            environment = {**os.environ, "REDIS_URL": server.url, "REDIS_PROTOCOL": str(protocol)}
            process = subprocess.Popen([*program.load, str(seconds), str(pause), *command], env=environment, text=True,
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            loads.append(Load(f"{program.name}, RESP{protocol}, {key}", key, lane, process))
    return loads


class Observer(threading.Thread):
    """One more client, that leaves a mark in the file before it asks, and knows the instant that it was answered for."""

    SCRIPT = """
    redis.call('SET', 'mark', ARGV[1])
    local now = redis.call('TIME')
    return {now[1] * 1000 + math.floor(now[2] / 1000), redis.call(unpack(ARGV, 2))}
    """

    def __init__(self, port):
        super().__init__()
        self.client = Redis(port=port, decode_responses=True)
        self.ends = threading.Event()
        self.answers = []  # (key, ms, reply); a mark's number is its index here
        self.fault = None

    def run(self):
        try:
            ask = self.client.register_script(self.SCRIPT)
            while not self.ends.wait(0.001):
                for command in (SLIDE, QUOTA):
                    now, reply = ask(keys=[], args=[len(self.answers), *command])
                    self.answers.append((command[1], now, reply))
                    if command is QUOTA and reply[0] == 1:
                        assert self.client.execute_command("RL.SETTLE", "quota", reply[4], "COST", "tokens", USED) == 1
        except Exception as fault:  # raised again where the thread is joined
            self.fault = fault

    def finish(self):
        self.ends.set()
        self.join()
        if self.fault:
            raise self.fault

    def admitted(self, key):
        return sum(reply[0] for asked, _, reply in self.answers if asked == key)

    def denied(self, key):
        return sum(1 - reply[0] for asked, _, reply in self.answers if asked == key)


class Arrivals(threading.Thread):
    """When each request came to the line, in the order in which the server took them: its MONITOR."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.seen = []  # (µs, number of the process)
        self.over = threading.Event()
        self.client = Redis(port=port, socket_timeout=None)  # no timeout: sometimes no request arrives for a while
        self.monitor = self.client.monitor()
        self.monitor.__enter__()

    def run(self):
        for command in self.monitor.listen():
            words = command["command"].split(" ")
            if words[0] == "RL.SLIDE":
                self.seen.append((round(command["time"] * 1e6), int(words[5]) - COST))
            elif words[0] == "ECHO":
                break
        self.over.set()

    def finish(self, client):
        client.echo("over")
        assert self.over.wait(60)


class Windows:
    """The oracle beside the file of slide and quota: never too much, and each answer of the observer is what it says."""

    def __init__(self, observer):
        self.observer = observer
        self.slide, self.rpm, self.tpm, self.calls = (
            Slide(1000, WINDOW_MS), Slide(400, WINDOW_MS), Slide(20_000, WINDOW_MS), InFlight(12))
        self.limits = {"slide": {"slide": (self.slide, 1)},
                       "quota": {"rpm": (self.rpm, 1), "tpm": (self.tpm, TOKENS), "calls": (self.calls, 1)}}
        self.charges = {}
        self.marks, self.expected = 0, None  # the mark whose admission comes next
        self.admitted, self.settled, self.judged = Counter(), 0, Counter()

    def mark(self, number):
        assert number == self.marks and self.expected is None, f"mark {number} after {self.marks}, {self.expected}"
        self.marks += 1
        key, clock, reply = self.observer.answers[number]
        if reply[0] == 1:
            self.expected = number
            return
        # A denial's instant is computed from the time at which the window will be empty again.
        rate = self.slide if key == "slide" else self.rpm
        reset = reply[4] if key == "slide" else reply[3][0][4]
        now = rate.last + WINDOW_MS - reset
        assert rate.last <= now <= clock, f"mark {number}: at {clock} the window is said to be empty in {reset} ms"
        self.judge(number, now)

    def judge(self, number, now):
        key, _, reply = self.observer.answers[number]
        limits = self.limits[key]
        blocking = [name for name, (limit, cost) in limits.items() if not limit.fits(now, cost)]
        left = [limit.remaining(now) - (0 if blocking else cost) for limit, cost in limits.values()]
        if key == "slide":
            told, expected = (reply[0], [reply[2]]), (int(not blocking), left)
        else:
            told, expected = (reply[0], reply[2], [row[2] for row in reply[3]]), (int(not blocking), blocking, left)
        assert told == expected, f"mark {number} on {key} at {now}: told {told}, the oracle says {expected}"
        self.judged[key, reply[0]] += 1

    def admit(self, event):
        costs = {"slide": [1], "quota": [1, TOKENS, 0]}[event.key]
        assert event.costs[:2] == costs[:2], event
        if self.expected is not None:
            assert self.observer.answers[self.expected][0] == event.key
            self.judge(self.expected, event.at)
            self.expected = None
        for name, (limit, cost) in self.limits[event.key].items():
            assert limit.fits(event.at, cost), f"{event.key}: more than {name} allows at {event.at}"
        if event.key == "slide":
            self.slide.admit(event.at, 1)
        else:
            self.rpm.admit(event.at, 1)
            self.charges[event.id] = self.tpm.admit(event.at, TOKENS)
            self.calls.admit(event.at, event.id, event.expires)
        self.admitted[event.key] += 1

    def settle(self, event):
        self.charges.pop(event.id)[1] = event.used["tokens"]
        self.calls.open.pop(event.id)
        self.settled += 1

    def follow(self, folder):
        for event in events(folder):
            match event:
                case Marked(number):
                    self.mark(number)
                case Admitted():
                    self.admit(event)
                case Settled():
                    self.settle(event)
        assert self.marks == len(self.observer.answers) and self.expected is None, "a mark is not in the file"
        assert not self.charges and self.settled == self.admitted["quota"], "a reservation was not settled"
        # The whole limit was used, and denials occurred.
        most = {name: limit.most for limits in self.limits.values() for name, (limit, _) in limits.items()}
        assert self.slide.most == self.slide.limit, most
        assert self.judged["slide", 0] and self.judged["quota", 0], f"the limits were never reached: {self.judged}"
        return most


def check_line(folder, arrivals, loads):
    """Each grant went to the first of the highest lane that stood in line."""
    lane_of = [load.lane for load in loads]
    came = [[] for _ in loads]  # by process: (µs, position among all arrivals)
    for place, (us, number) in enumerate(arrivals):
        came[number].append((us, place))
    went = [0] * len(loads)
    window, waits, jumps_to_see = Slide(LINE_LIMIT, WINDOW_MS), [[] for _ in LANES], 0
    for event in events(folder):
        number = event.costs[0] - COST
        assert event.key == "line" and window.fits(event.at, event.costs[0]), f"line: more than its limit at {event.at}"
        window.admit(event.at, event.costs[0])
        us, place = came[number][went[number]]
        went[number] += 1
        waits[lane_of[number]].append(event.at - us / 1_000)
        for other, lane in enumerate(lane_of):
            if went[other] == len(came[other]):
                continue
            other_us, other_place = came[other][went[other]]
            # Within a lane, the order of arrival decides. For a higher lane, count only requests that had
            # certainly arrived by the clock: a request that arrives at the same moment may come after the
            # grant.
            before = lane == lane_of[number] and other_place < place
            above = lane < lane_of[number] and other_us / 1_000 < event.at - 20
            assert not before and not above, f"{loads[number].name} went before {loads[other].name}, at {event.at}"
            jumps_to_see += other_us / 1_000 < event.at - 20
    assert went == [len(each) for each in came], "a request was not answered"
    medians = [statistics.median(each) for each in waits]
    assert medians == sorted(medians), f"a lower lane has waited less: {medians}"
    assert window.most > (LINE_RATE - 1) * COST and jumps_to_see > 100, (window.most, jumps_to_see)
    return went, medians, jumps_to_see


def check_shapes(loads):
    for load in loads:
        admitted, denied = SHAPES[load.key]
        wanted = [admitted] * (load.saw["admitted"] > 0) + [denied] * (load.saw["denied"] > 0)
        seen = load.saw["shapes"]
        assert all(any(re.fullmatch(shape, each) for shape in wanted) for each in seen), f"{load.name}: {seen}"
        assert all(any(re.fullmatch(shape, each) for each in seen) for shape in wanted), f"{load.name}: {seen}"


def run(programs, server_program, module, seconds, copies):
    new = lambda: Server(server_program, module, "--appendonly", "yes", "--appendfsync", "no", "--auto-aof-rewrite-percentage", "0")
    with new() as main, new() as line:
        loads = start(programs, copies, seconds, main, line)
        try:
            for load in loads:
                load.is_ready()
            arrivals = Arrivals(line.port)
            arrivals.start()
            observer = Observer(main.port)
            print(f"{len(loads)} processes together for {seconds:g} s", flush=True)
            began = time.monotonic()
            for load in loads:
                load.go()
            observer.start()
            for load in loads:
                load.finish()
            observer.finish()
            arrivals.finish(line.client)
        finally:
            for load in loads:
                load.process.kill()
        print(f"  over after {time.monotonic() - began:.1f} s")
        check(loads, main, line, observer, arrivals)


def total(loads, key, field):
    return sum(load.saw[field] for load in loads if load.key == key)


def check(loads, main, line, observer, arrivals):
    check_shapes(loads)
    info = main.info()
    windows = Windows(observer)
    most = windows.follow(main.folder)
    admitted, judged = windows.admitted, windows.judged
    for key in ("slide", "quota"):
        said = {what: total(loads, key, what) for what in ("admitted", "denied")}
        said["admitted"] += observer.admitted(key)
        said["denied"] += observer.denied(key)
        counted = {what: info[f"rl_{key}_{what}"] for what in said}
        assert said == counted and said["admitted"] == admitted[key], (key, said, counted, admitted)
        print(f"  {key}: {said['admitted']} admitted, {said['denied']} denied: what the programs say, the server's count "
              f"and the file; {judged[key, 1]} admissions and {judged[key, 0]} denials seen are the oracle's")
    print(f"  at most at a time: {most}")
    assert total(loads, "quota", "settled") == total(loads, "quota", "admitted")
    state = main.client.execute_command("RL.INFO", "quota")
    if state is not None:  # otherwise the key has expired, and nothing is held
        state = dict(zip(state[::2], state[1::2])) if isinstance(state, list) else state
        used = dict(zip(state["used"][::2], state["used"][1::2])) if isinstance(state["used"], list) else state["used"]
        assert state["reservations"] == 0 and used["calls"] == 0, state

    line_loads = [load for load in loads if load.key == "line"]
    went, medians, jumps_to_see = check_line(line.folder, arrivals.seen, line_loads)
    assert went == [load.saw["admitted"] for load in line_loads], "a grant that its program has not heard of"
    info = line.info()
    assert info["rl_slide_admitted"] == sum(went) and sum(info[f"rl_waiting_{lane.lower()}"] for lane in LANES) == 0
    assert total(loads, "line", "denied") == 0
    medians = ", ".join(f"{lane} {median:.0f} ms" for lane, median in zip(LANES, medians))
    print(f"  line: {sum(went)} went in turn, with {jumps_to_see} still in line; median wait {medians}")
