#!/usr/bin/env python3
"""Makes the code for threads from the code for asyncio, and the transport for httpx2 from that for httpx.

    make_sync.py            writes src/redis_rl/_sync/*.py and src/redis_rl/httpx2.py
    make_sync.py --check    ends with 1 if a file is stale
"""

import re
import sys
from pathlib import Path

FILES = ("caller.py", "coordinator.py", "limiter.py", "passage.py", "plans.py", "reservation.py", "router.py", "server.py", "upstream.py")
FOLDER = Path(__file__).parents[1] / "src" / "redis_rl"
RULES = [
    (r"`Async(\w+)`: ([^\n]*?)\. `\w+` is made from it\.", r"`\1`: \2. Made from `_async` by tools/make_sync.py."),
    (r"\basync (def|with|for)\b", r"\1"),
    (r"\bawait ", ""),
    (r"\bAsync(Limiter|FirstReservation|Reservation|Caller|Upstream|Passage|Plans|Stream|Iterator)\b", r"\1"),
    (r"Callable\[(.*), Awaitable\[(\w+)\]\]", r"Callable[\1, \2]"),
    (r"from typing import (.*?)Awaitable, ", r"from typing import \1"),
    (r"httpx\.AsyncClient", "httpx.Client"),
    (r"\ba(close|read)\b", r"\1"),
    (r"__a(enter|exit|iter)__", r"__\1__"),
    (r"asyncio=True", "asyncio=False"),
]


def made(text: str) -> str:
    for pattern, becomes in RULES:
        text = re.sub(pattern, becomes, text)
    if "Made from `_async`" not in text:
        # The first line is a docstring.
        text = text.replace('"""\n', ' Made from `_async` by tools/make_sync.py."""\n', 1)
    return text


def for_httpx2(text: str) -> str:
    code = text[text.index("from __future__") :]
    text = re.sub(r"\bhttpx\b", "httpx2", code)
    return '"""A transport for httpx2: that of `redis_rl.httpx`. Made from it by tools/make_sync.py."""\n\n' + text


def main() -> int:
    stale = []
    files = {FOLDER / "_sync" / name: made((FOLDER / "_async" / name).read_text()) for name in FILES}
    files[FOLDER / "httpx2.py"] = for_httpx2((FOLDER / "httpx.py").read_text())
    for target, text in files.items():
        if target.exists() and target.read_text() == text:
            continue
        stale.append(target.name)
        if "--check" not in sys.argv:
            target.write_text(text)
    if stale and "--check" in sys.argv:
        print("stale, run tools/make_sync.py:", *stale)
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
