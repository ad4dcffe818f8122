"""Servers that tests share. A test that stops or freezes a server starts its own."""

from __future__ import annotations

import sys
import uuid
from pathlib import Path
from typing import Iterator

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from servers import Coordinator, Server


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with Server() as started:
        yield started


@pytest.fixture(scope="session")
def coordinator() -> Iterator[Coordinator]:
    with Coordinator() as started:
        yield started


@pytest.fixture
def key() -> str:
    """A key that no other test uses."""
    return f"k:{uuid.uuid4().hex}"
