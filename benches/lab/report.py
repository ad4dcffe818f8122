"""Prints what was measured: a line for a run, and a table of all runs."""

import glob
import json
import os


def use_of(part):
    """The mean over the models: each is a limit of its own."""
    return sum(part["use"].values()) / len(part["use"])


def line(scenario, system, seed, figures, seconds):
    parts = [f"{scenario:16} {system:18} {seed}"]
    for since in ("begin", "after"):
        part = figures[since]
        parts.append(f"{since}: {part['refused']}/{part['requests']} refused, use {use_of(part):.3f}")
    commands = sum(figures["commands"].values()) / max(1, figures["begin"]["useful"])
    late = {share: value and round(value, 3) for share, value in figures["delay"].items()}
    return " | ".join([*parts, f"Redis commands a call {commands:.1f}", f"s to the provider {late}", f"{seconds:.0f} s"])


def table(results):
    runs = {}
    for path in sorted(glob.glob(os.path.join(results, "*.json"))):
        scenario, system, _ = os.path.basename(path).removesuffix(".json").rsplit(".", 2)
        with open(path) as file:
            runs.setdefault((scenario, system), []).append(json.load(file))
    print("| scenario | system | runs | 429s | use | 429s after the change | use after |\n|---|---|---|---|---|---|---|")
    for (scenario, system), found in runs.items():
        cells = []
        for since in ("begin", "after"):
            parts = [run[since] for run in found]
            refused, asked = (sum(part[name] for part in parts) for name in ("refused", "requests"))
            cells += [f"{100 * refused / max(1, asked):.2f} %", f"{sum(map(use_of, parts)) / len(parts):.3f}"]
        print(f"| {scenario} | {system} | {len(found)} | {' | '.join(cells)} |")
