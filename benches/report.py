"""Writes the measured figures as tables into docs/COMPARE.md, between its marks, and as plots into docs/plots."""

import os
import re

import commands
import plots

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
    rows, to_file = figures["rows"], {row["title"]: row for row in figures["appendonly"]}
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
        file = to_file.get(row["title"])
        cells.append([name(row), f"{row['instructions']:,}", f"{row['ratio']:.2f}"])
        cells[-1] += [f"{file['instructions']:,}", f"{file['ratio']:.2f}"] if file else [None, None]
    head = table(["command", "instructions", "ratio to SET", "instructions, with an AOF", "ratio to SET, with an AOF"], cells)
    pairs = [
        ("RL.BUCKET, admitted", "CL.THROTTLE (redis-cell), admitted"),
        ("RL.BUCKET, admitted", "SHIELD.ABSORB (redis-shield), admitted"),
        ("RL.BUCKET, admitted", "GCRA in Lua, admitted"),
        ("RL.BUCKET, admitted", "bucket of two keys in Lua, admitted"),
        ("RL.SLIDE, admitted", "sorted set in Lua, admitted"),
        ("RL.WINDOW, admitted", "INCR, EXPIRE"),
        ("RL.QUOTA by POLICY, admitted", "three counters in MULTI, admitted"),
        ("RL.QUOTA by POLICY, admitted", "three counters in Lua, admitted"),
    ]
    pairs = [(one, other, f"{by_title[one] / by_title[other]:.2f}") for one, other in pairs if other in by_title]
    return f"Server: {figures['server']}.\n\n{head}\n\n" + table(["command of this module", "compared with", "ratio"], pairs)


def throughput(figures):
    rows = figures["rows"]
    for file, field, title, form in (
        ("throughput.svg", "per second", "Requests per second", "{:,.0f}"),
        ("cpu.svg", "cpu", "Processor time of the server for one request, µs", "{:.1f}"),
    ):
        plot(
            file,
            plots.bars(
                title,
                f"{figures['server']}, 50 connections, 20,000 keys; pipelined requests in each connection:",
                [(row["title"], kind(row), [row[pipeline][field] for pipeline in ("1", "16", "64")]) for row in rows],
                form=form,
                legend=("1", "16", "64"),
            ),
        )
    head = ["command"] + [f"{what}, {pipeline}" for pipeline in (1, 16, 64) for what in ("requests/s", "ratio to SET", "µs", "ratio to SET")]
    cells = []
    for row in rows:
        cells.append([name(row)])
        for pipeline in ("1", "16", "64"):
            of = row[pipeline]
            cells[-1] += [f"{of['per second']:,.0f}", f"{of['per second to SET']:.2f}", f"{of['cpu']:.2f}", f"{of['cpu to SET']:.2f}"]
    return f"Server: {figures['server']}; {figures['rounds']} rounds.\n\n{table(head, cells)}"


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
            cells.append([name(row), *(f"{row[field]:,.0f}" for field in fields), f"{row['p99 to SET']:.2f}"])
        else:
            cells.append([name(row), "does not keep up", None, None, None])
    head = table(["command", "p50, µs", "p99, µs", "p99.9, µs", "ratio of p99 to SET"], cells)
    return f"Server: {figures['server']}; {figures['rate']:,} requests per second.\n\n{head}"


def memory(figures):
    entries = ("1", "60", "500", "10000")
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
    return f"Server: {figures['server']}.\n\n" + table(["one key", "1 request", "60", "500", "10,000"], cells)


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
    cells = [[name(row), *(f"{row[of]['cpu']:.2f} ({row[of]['to SET']:.2f})" for of in sizes)] for row in rows]
    return table(["µs (ratio to SET), by keys"] + [f"{int(of):,}" for of in sizes], cells)


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
    "throughput": throughput,
    "latency": latency,
    "memory": memory,
    "million": million,
    "growth-keys": growth_keys,
    "growth-log": growth_log,
}


def write(results):
    with open(PAGE) as file:
        page = file.read()
    for part, figures in results.items():
        between = f"<!-- {part} -->\n{DRAWN[part](figures)}\n<!-- end of {part} -->"
        marks = re.compile(f"<!-- {part} -->.*?<!-- end of {part} -->", re.DOTALL)
        page, found = marks.subn(lambda _: between, page)
        if not found:
            raise SystemExit(f"docs/COMPARE.md has no place for {part}")
    with open(PAGE, "w") as file:
        file.write(page)
