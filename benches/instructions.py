#!/usr/bin/env python3
"""Counts the instructions of one command inside the server, compared with `SET key value EX 60`.

    benches/instructions.py                  a table of all commands, including other limiters
    benches/instructions.py --guard          only this module's commands; fails if one costs more than before
    benches/instructions.py --guard --write  stores the present costs as the new figures

Valgrind's callgrind counts, so the figures are the same on a busy machine. One server runs all commands in turn. A
thousand keys are made. Then each command is sent 4,000 times to random keys, 50 in a pipeline. The count is divided by
the number of calls.

The guard compares with benches/figures.csv. These figures are ratios to SET in the same run, not instructions. Another C
library, allocator, or processor with another memcpy moves both alike. A server draws a seed for its hash tables when it
starts, which moves a command by up to 2 %. So the guard starts several servers in each setup, two at a time, and takes the median.
In each setup of setups.py, the ratio is that to SET in the same setup. The figures belong to one server version. On another version
the guard fails, because the figures cannot be compared.
"""

import contextlib
import csv
import glob
import os
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import commands
import setups
from server import fill_in, parser

KEYS, CALLS, PIPELINE = 1_000, 4_000, 50
FIGURES = os.path.join(commands.FOLDER, "figures.csv")
# What the guard counts: the setup, the commands, and on how many servers.
GUARDED = [
    (setups.ALONE, commands.OURS, 5),
    (setups.AOF, [commands.FULL], 3),
    (setups.REPLICA, commands.PLAIN, 3),
    (setups.CLUSTER, commands.PLAIN, 3),
]
AT_ONCE = 2  # servers: a count does not depend on what else runs
MORE = 1.03  # a command may cost this many times its figure


def run(client, line, keys):
    """Sends the command for each key and returns the last reply."""
    for at in range(0, len(keys), PIPELINE):
        replies = client.send([words for key in keys[at : at + PIPELINE] for words in fill_in(line, key)])
    return replies[-1]


def control(server, what):
    subprocess.run(["callgrind_control", what, str(server.process.pid)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def count_calls(server, line, keys):
    """Returns the instructions of one call, and the reply to the last call."""
    known = set(glob.glob(f"{server.folder}/out*"))
    control(server, "--zero")
    reply = run(server.client, line, keys)
    control(server, "--dump")
    (dump,) = set(glob.glob(f"{server.folder}/out*")) - known
    with open(dump) as lines:
        total = next(line for line in lines if line.startswith(("summary:", "totals:")))
    return int(total.split()[1]) / len(keys), reply


def keys_of(command):
    """Returns the key of each call. Idle keys take turns, so milliseconds pass between two requests to one."""
    dice = random.Random(1)
    return [number % KEYS if command.idle else dice.randrange(KEYS) for number in range(CALLS)]


def count(server, command):
    server.ask("FLUSHALL")
    run(server.client, command.made_by, range(KEYS))
    each, reply = count_calls(server, command.line, keys_of(command))
    if not command.is_expected(reply):
        sys.exit(f"{command}: the server answered {reply}")
    if command.idle and reply[2] != reply[1] - 1:
        sys.exit(f"{command}: the key was not idle for long enough, the server answered {reply}")
    return each


@contextlib.contextmanager
def start(options, setup=setups.ALONE):
    """Starts the server in valgrind."""
    # Once a second a server fits a client's buffer to its replies. The cost of a reply would then depend on its time.
    with setup.started(options, "--hz 1", "valgrind --tool=callgrind --trace-children=yes --callgrind-out-file=%DIR%/out") as server:
        server.ask("DEBUG", "REPLYBUFFER", "RESIZING", "0")
        server.prepare()
        yield server


def measure(options, measured, setup=setups.ALONE):
    """Returns the server, and a row for each command: title, whether it is a peer, instructions, ratio to SET in the same setup."""
    with start(options, setup) as server:
        unit = count(server, commands.SET)
        rows = []
        for command in [commands.SET, *measured]:
            each = unit if command is commands.SET else count(server, command)
            title = setup.of(command)
            rows.append({"title": title, "peer": command.peer, "instructions": round(each), "ratio": each / unit})
            print(f"{each:9,.0f}  {each / unit:5.2f}  {title}", flush=True)
        return server.version(), rows


def read_figures():
    with open(FIGURES) as file:
        version = file.readline().split(": ")[1].strip()
        return version, {row["command"]: float(row["ratio to SET"]) for row in csv.DictReader(file)}


def write_figures(version, rows):
    with open(FIGURES, "w") as file:
        file.write(f"# benches/instructions.py --guard --write, counted on: {version}\n")
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(["command", "ratio to SET"])
        lines.writerows((row["title"], f"{row['ratio']:.3f}") for row in rows)


def medians(options, jobs):
    """Counts each job, which is a setup, commands, and on how many servers. Returns the server's version and, for each job, the row
    of each command that has the median of its ratios."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        runs = [[pool.submit(measure, options, measured, setup) for _ in range(times)] for setup, measured, times in jobs]
        runs = [[run.result() for run in of] for of in runs]
    found = []
    for of in runs:
        commands_of_job = zip(*(rows[1:] for _, rows in of))
        found.append([sorted(rows, key=lambda row: row["ratio"])[len(rows) // 2] for rows in commands_of_job])
        units = sorted((rows[0] for _, rows in of), key=lambda row: row["instructions"])
        found[-1].insert(0, units[len(units) // 2])
    return runs[0][0][0], found


def guard(options):
    version, found = medians(options, GUARDED)
    rows = [row for of in found for row in of[1:]]
    if options.write:
        return write_figures(version, rows)
    counted_on, figures = read_figures()
    if version != counted_on:
        sys.exit(f"the figures are those of {counted_on}, this is {version}: name that one with --server")
    now = {row["title"]: row["ratio"] for row in rows}
    if set(now) != set(figures):
        sys.exit(f"not in both of figures.csv and commands.py: {set(now) ^ set(figures)}")
    print(f"\n{'figure':>7} {'now':>7} {'change':>8}")
    for title, ratio in now.items():
        verdict = "  COSTS MORE" if ratio > MORE * figures[title] else ""
        print(f"{figures[title]:7.3f} {ratio:7.3f} {100 * (ratio / figures[title] - 1):+7.1f}%  {title}{verdict}")
    dearer = [title for title, ratio in now.items() if ratio > MORE * figures[title]]
    if dearer:
        sys.exit(f"more than {MORE - 1:.0%} dearer: {'; '.join(dearer)}. Where it is meant to be: --guard --write")


def main():
    options = parser(__doc__)
    options.add_argument("--setup", choices=setups.ALL, default="alone", help="what takes the changes of the server")
    options.add_argument("--guard", action="store_true", help="compare with benches/figures.csv")
    options.add_argument("--write", action="store_true", help="with --guard: write benches/figures.csv")
    options = options.parse_args()
    if options.guard:
        return guard(options)
    measure(options, commands.OURS + commands.peers(options), setups.ALL[options.setup])


if __name__ == "__main__":
    main()
