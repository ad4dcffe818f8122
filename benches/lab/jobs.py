"""The work of a run: which process has a job at which time, and how large it is. All of it follows from the seed.

A run has a clock of its own: MINUTE seconds of it are the provider's minute. All periods scale alike.
"""

import random

MINUTE = 6  # seconds; an integer, since one of the libraries takes no other
SCALE = MINUTE / 60  # seconds of the lab for one second of a real provider
MINUTES = 3  # length of a run
END = MINUTES * MINUTE
PROCESSES = 50
AT_ONCE = 4  # jobs that one process works on at a time
REQUESTS = 150  # a minute
INPUT, OUTPUT, MOST_OUTPUT = 400, 160, 1024  # tokens: mean, mean, max_tokens
SYSTEM_TOKENS = 1000  # a prompt that is read from the provider's cache
LATENCY = 2.5 * SCALE  # median

BATCH, INTERACTIVE = "batch", "interactive"


def size(seed, job):
    """Returns the tokens of a job's input and output, and the seconds that the provider needs for it."""
    dice = random.Random(f"{seed}:{job}")
    given = int(dice.uniform(0.5, 1.5) * INPUT)
    produced = min(MOST_OUTPUT, max(8, int(OUTPUT * dice.lognormvariate(-0.18, 0.6))))
    return given, produced, LATENCY * dice.lognormvariate(0, 0.4)


def prompt(seed, job):
    """Returns the text of a job: its number, then words up to its size."""
    head = f"job {job}: "
    return head + "x" * (size(seed, job)[0] * 4 - len(head))


def arrivals(seed, process, scenario):
    """Returns (second, number, lane) of each job of a process, in order of time.

    Together the processes have `demand` times what the limit of the first model allows. Each fifth process has half of all jobs.
    """
    dice = random.Random(f"{seed}:of:{process}")
    share = (0.5 / (PROCESSES / 5) if process % 5 == 0 else 0.5 / (PROCESSES * 4 / 5)) * REQUESTS / MINUTE
    jobs = []

    def add(rate, lane, begin, end):
        at = begin + dice.expovariate(rate)
        while at < end:
            jobs.append((at, lane))
            at += dice.expovariate(rate)

    if scenario.interactive:
        add(share * scenario.interactive, INTERACTIVE, 0, END)
    for begin, end, demand in scenario.demand:
        add(share * demand, BATCH, begin * MINUTE, end * MINUTE)
    jobs.sort()
    return [(at, f"{process}-{number}", lane) for number, (at, lane) in enumerate(jobs)]
