"""The HTTP client that is installed: httpx, or httpx2, its next generation."""

from __future__ import annotations

import importlib
from typing import Any


def http_library() -> Any:
    for name in ("httpx", "httpx2"):
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise ImportError("for rl-coordinator over HTTP install httpx: pip install redis-rl[http]")
