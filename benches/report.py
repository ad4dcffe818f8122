"""Writes the measured figures as tables into docs/COMPARE.md, between its marks, and as plots into docs/plots."""

import os
import re

import commands
import plots
import setups

DOCS = os.path.join(commands.ROOT, "docs")
PAGE = os.path.join(DOCS, "COMPARE.md")
PLOTS = os.path.join(DOCS, "plots")


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join("–" if cell is None else str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def name(row):
    """The first cell of a row. SET is the server's own command, and so is shown as code."""
    title = row["title"]
    return f"`{title}`" if title.startswith("SET") else title


def kind(row):
    return "set" if row["title"].startswith("SET") else "peer" if row["peer"] else "ours"


def plot(file, drawing):
    os.makedirs(PLOTS, exist_ok=True)
    with open(os.path.join(PLOTS, file), "w") as out:
        out.write(drawing)


def instructions(figures):
    rows, in_setups = figures["rows"], figures["setups"]
    by_title = {row["title"]: row["instructions"] for row in rows}
    plot(
        "instructions.svg",
        plots.bars(
            "Instructions of one command, SET key value EX 60 = 1",
            f"{figures['server']}, counted by callgrind; shorter is better",
            [(row["title"], kind(row), [row["ratio"]]) for row in rows],
            unit=1,
        ),
    )
    cells = []
    for row in rows:
        cells.append([name(row), f"{row['instructions']:,}", f"{row['ratio']:.2f}"])
        for of in in_setups.values():
            there = of.get(row["title"])
            cells[-1].append(there and (f"{there['ratio']:.2f}" if there["ratio"] != 1 else f"1.00 ({there['instructions']:,})"))
    head = table(["command", "instructions", "ratio to SET", *in_setups], cells)
    pairs = [(one, other, f"{by_title[one] / by_title[other]:.2f}") for one, other in PAIRS if other in by_title]
    parts = [
        f"Server: {figures['server']}.",
        head,
        "The targets, as ratios to SET in the same setup:",
        table(["commands", "target: at most", "measured", "met"], targets(figures)),
        table(["command of this module", "compared with", "ratio"], pairs),
    ]
    return "\n\n".join(parts)


def targets(figures):
    """Returns what was aimed for, and the highest ratio of its commands."""
    alone = {row["title"]: row for row in figures["rows"]}
    cells = []
    for what, most, setup, titles in TARGETS:
        of = figures["setups"][setup] if setup else alone
        ratio = max(of[title]["ratio"] for title in titles)
        cells.append([what, f"{most:.2f}", f"{ratio:.2f}", "yes" if ratio <= most else "no"])
    return cells


# What, the highest ratio, the setup, and the commands.
ONE_LIMIT = [f"RL.{name}, admitted" for name in ("BUCKET", "WINDOW", "SLIDE")]
TARGETS = [
    ("one limit, admitted", 1.00, None, ONE_LIMIT),
    ("RL.SLIDE, admitted", 0.80, None, ["RL.SLIDE, admitted"]),
    ("RL.WINDOW and RL.SLIDE, denied", 0.75, None, ["RL.WINDOW, denied", "RL.SLIDE, denied"]),
    ("RL.BUCKET, denied", 0.80, None, ["RL.BUCKET, denied"]),
    ("RL.BUCKET that is full again", 1.00, None, ["RL.BUCKET, full again, admitted"]),
    ("the same, with an AOF", 1.15, setups.AOF.title, ["RL.BUCKET, full again, admitted"]),
    ("one limit, with a replica", 1.05, setups.REPLICA.title, ONE_LIMIT),
    ("one limit, in a cluster", 0.95, setups.CLUSTER.title, ONE_LIMIT),
    ("RL.PEEK", 0.70, None, ["RL.PEEK, of RL.SLIDE"]),
    ("a quota of three limits by POLICY, admitted", 1.70, None, ["RL.QUOTA by POLICY, admitted"]),
    ("the same, denied", 1.40, None, ["RL.QUOTA by POLICY, denied"]),
    ("a quota of three limits spelled out, admitted", 2.20, None, ["RL.QUOTA spelled out, admitted"]),
    ("the same, denied", 1.90, None, ["RL.QUOTA spelled out, denied"]),
]

# A command of this module, and one that does something like it.
PAIRS = [
    ("RL.BUCKET, admitted", "CL.THROTTLE (redis-cell), admitted"),
    ("RL.BUCKET, admitted", "SHIELD.ABSORB (redis-shield), admitted"),
    ("RL.BUCKET, admitted", "redis_rate (GCRA), admitted"),
    ("RL.BUCKET, admitted", "upstash token bucket, admitted"),
    ("RL.BUCKET, admitted", "bucket of two keys in Lua, admitted"),
    ("RL.SLIDE, admitted", "sorted set in Lua, admitted"),
    ("RL.SLIDE, admitted", "limits moving window, admitted"),
    ("RL.SLIDE, admitted", "upstash sliding window, admitted"),
    ("RL.WINDOW, admitted", "INCR, EXPIRE"),
    ("RL.WINDOW, admitted", "limits fixed window"),
    ("RL.QUOTA by POLICY, admitted", "three counters in MULTI, admitted"),
    ("RL.QUOTA by POLICY, admitted", "three counters in Lua, admitted"),
    ("RL.QUOTA by POLICY, admitted", "LiteLLM, three limits"),
    ("RL.QUOTA by POLICY, admitted", "LiteLLM check, three limits, admitted"),
]


def servers(figures):
    ratios = [{row["title"]: row for row in of["rows"]} for of in figures]
    cells = []
    for row in figures[0]["rows"]:
        there = [of[row["title"]] for of in ratios]
        is_set = row["title"].startswith("SET")
        cells.append([name(row), *(f"1.00 ({of['instructions']:,})" if is_set else f"{of['ratio']:.2f}" for of in there)])
    return table(["ratio to SET in the same setup", *(of["server"] for of in figures)], cells)


INTERVAL = "{cpu:.1f} ({least:.1f} to {most:.1f})"


def time_on_cpu(figures):
    rows = figures["rows"]
    plot(
        "cpu.svg",
        plots.bars(
            "Processor time of the server for one request, µs",
            f"{figures['server']}, 50 connections, 20,000 keys; pipelined requests in each connection:",
            [(row["title"], kind(row), [row[pipeline]["cpu"] for pipeline in ("1", "16")]) for row in rows],
            form="{:.1f}",
            legend=("1", "16"),
        ),
    )
    head = ["command", "µs, 1 request in each connection", "µs, 16 pipelined"]
    parts = [f"Server: {figures['server']}; {figures['rounds']} rounds."]
    for of in (rows, figures["tcp"]):
        parts += [table(head, [[name(row), *(INTERVAL.format(**row[pipeline]) for pipeline in ("1", "16"))] for row in of])] if of else []
    return "\n\nOver TCP, with throttlecrab-server:\n\n".join(["\n\n".join(parts[:2]), *parts[2:]])


def latency(figures):
    fields = ("p50", "p99", "p99.9")
    rows = figures["rows"]
    kept_up = [row for row in rows if "p50" in row]
    plot(
        "latency.svg",
        plots.bars(
            f"Time from the due time of a request to its answer, µs, at {figures['rate']:,} requests per second",
            f"{figures['server']}, 50 connections; commands that did not keep up are left out",
            [(row["title"], kind(row), [row[field] for field in fields]) for row in kept_up],
            form="{:,.0f}",
            legend=fields,
        ),
    )
    cells = []
    for row in rows:
        if "p50" in row:
            cells.append([name(row), *(f"{row[field]:,.0f}" for field in fields)])
        else:
            cells.append([name(row), "does not keep up", None, None])
    head = table(["command", "p50, µs", "p99, µs", "p99.9, µs"], cells)
    return f"Server: {figures['server']}; {figures['rate']:,} requests per second.\n\n{head}"


def memory(figures):
    entries = ("1", "6", "60", "500", "10000")
    rows = figures["rows"]
    drawn = [row for row in rows if "60" in row]
    plot(
        "memory.svg",
        plots.lines(
            "Bytes of a key by the requests that it has admitted in its window",
            f"{figures['server']}, used_memory; names of 13 bytes and expiries included",
            "requests admitted",
            [(row["title"].replace("RL.QUOTA by POLICY, ", "quota, "), {int(of): row[of] for of in entries if of in row}) for row in drawn],
        ),
    )
    cells = [[name(row), *(f"{row[of]:,}" if of in row else "same" if "60" not in row else None for of in entries)] for row in rows]
    return f"Server: {figures['server']}.\n\n" + table(["one key", "1 request", "6", "60", "500", "10,000"], cells)


def million(figures):
    parts = []
    for keys, rows in figures.items():
        cells = [
            [
                name(row),
                f"{row['bytes']:.0f}",
                f"{row['resident']:.0f}",
                f"{row['file']:.1f}",
                f"{row['save']:.2f}",
                f"{row['load']:.2f}",
                f"{int(keys) / row['load'] / 1e6:.2f} M",
            ]
            for row in rows
        ]
        head = ["key", "bytes", "resident bytes", "bytes in the file", "saved in, s", "loaded in, s", "keys loaded per second"]
        parts.append(f"{int(keys):,} keys:\n\n{table(head, cells)}")
    return "\n\n".join(parts)


def growth_keys(rows):
    sizes = [of for of in rows[0] if of.isdigit()]
    plot(
        "growth-keys.svg",
        plots.lines(
            "Processor time of one command by the number of keys, µs",
            "pipelines of 16 requests, random keys out of all keys",
            "keys",
            [(row["title"], {int(of): row[of]["cpu"] for of in sizes}) for row in rows],
            y_from_zero=True,
        ),
    )
    cells = [[name(row), *(INTERVAL.format(**row[of]) for of in sizes)] for row in rows]
    return table(["µs, by keys"] + [f"{int(of):,}" for of in sizes], cells)


def growth_log(rows):
    sizes = [of for of in rows[0] if of.isdigit()]
    plot(
        "growth-log.svg",
        plots.lines(
            "Instructions of one command by the requests in its window",
            "RL.SLIDE with a window of an hour, and a sorted set in Lua",
            "requests in the window",
            [(row["title"], {int(of): row[of] for of in sizes if of in row}) for row in rows],
        ),
    )
    cells = [[name(row), *(f"{row[of]:,}" if of in row else None for of in sizes)] for row in rows]
    return table(["instructions, by requests in the window"] + [f"{int(of):,}" for of in sizes], cells)


DRAWN = {
    "instructions": instructions,
    "servers": servers,
    "cpu": time_on_cpu,
    "latency": latency,
    "memory": memory,
    "million": million,
    "growth-keys": growth_keys,
    "growth-log": growth_log,
}


def write(results):
    with open(PAGE) as file:
        page = file.read()
    for part, result in results.items():
        text = f"Measured on {result['measured']}.\n\n{DRAWN[part](result['figures'])}"
        between = f"<!-- {part} -->\n{text}\n<!-- end of {part} -->"
        marks = re.compile(f"<!-- {part} -->.*?<!-- end of {part} -->", re.DOTALL)
        page, found = marks.subn(lambda _: between, page)
        if not found:
            raise SystemExit(f"docs/COMPARE.md has no place for {part}")
    with open(PAGE, "w") as file:
        file.write(page)
