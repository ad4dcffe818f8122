#!/usr/bin/env python3
"""Copies what the package needs of crates/profiles/profiles.json, the one source of facts about providers.

    copy_profiles.py            writes src/redis_rl/profiles/profiles.json
    copy_profiles.py --check    ends with 1 if the copy is stale
"""

import json
import sys
from pathlib import Path

HERE = Path(__file__).parents[1]
SOURCE = HERE.parents[1] / "crates" / "profiles" / "profiles.json"
TARGET = HERE / "src" / "redis_rl" / "profiles" / "profiles.json"
LEFT_OUT = {"source", "checked", "note", "limit"}


def kept(value: object) -> object:
    if isinstance(value, dict):
        return {name: kept(part) for name, part in value.items() if name not in LEFT_OUT}
    return [kept(part) for part in value] if isinstance(value, list) else value


def main() -> int:
    profiles = {name: kept(profile) for name, profile in json.loads(SOURCE.read_text())["profiles"].items()}
    text = json.dumps(profiles, indent=1) + "\n"
    if "--check" not in sys.argv:
        TARGET.write_text(text)
        return 0
    if TARGET.read_text() != text:
        print("stale, run tools/copy_profiles.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
