"""Real servers with the module, rl-coordinator and the lab's provider, each in a folder of its own that is gone afterwards."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from hashlib import sha256
from pathlib import Path
from typing import Any, Callable

import redis

ROOT = Path(__file__).parents[3]
MODULE = Path(os.environ.get("REDIS_RL_MODULE", ROOT / "target" / "release" / "libredis_rl.so"))
SERVER = os.environ.get("REDIS_RL_SERVER", "redis-server")
COORDINATOR = Path(os.environ.get("RL_COORDINATOR", ROOT / "target" / "debug" / "rl-coordinator"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(what: str, holds: Callable[[], Any], seconds: float = 30) -> Any:
    end = time.monotonic() + seconds
    while True:
        found = holds()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.01)


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Program:
    """A process that serves a port."""

    def __init__(self, words: list[str], port: int, folder: Path) -> None:
        self.port, self.folder, self._words = port, folder, words
        self.start_again()

    def start_again(self) -> None:
        with open(self.folder / "output", "wb") as output:
            self.process = subprocess.Popen(self._words, cwd=self.folder, stdout=output, stderr=subprocess.STDOUT)
        wait_until(f"{self._words[0]} listens", self._is_up)

    def stop_and_keep(self) -> None:
        """Ends it, and keeps its folder."""
        self.process.kill()
        self.process.wait()

    def _is_up(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError((self.folder / "output").read_text())
        return accepts(self.port)

    def freeze(self) -> None:
        """It keeps its connections and answers nothing."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        self.stop_and_keep()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="rl-python-"))


class Server(Program):
    """A server with the module, or without it. `client` is a plain client, to arrange and to look."""

    def __init__(self, *config: str, module: bool = True, port: int = 0) -> None:
        port, place = port or free_port(), folder()
        words = [SERVER, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(place), "--save", "", *config]
        super().__init__([*words, *(["--loadmodule", str(MODULE)] if module else [])], port, place)
        self.url = f"redis://127.0.0.1:{port}"
        self.client = redis.Redis(port=port, decode_responses=True)


class Coordinator(Program):
    """rl-coordinator with its limits in memory, and a token that may change policies."""

    def __init__(self) -> None:
        port, place = free_port(), folder()
        self.token = secrets.token_hex(16)
        digest = sha256(self.token.encode()).hexdigest()
        (place / "rl.toml").write_text(f'[[token]]\nname = "test"\nsha256 = "{digest}"\npolicies = true\n')
        super().__init__([str(COORDINATOR), "--listen", f"127.0.0.1:{port}", "--config", "rl.toml"], port, place)
        self.url = f"http://127.0.0.1:{port}"


class Provider(Program):
    """The provider of the lab: the HTTP API of a provider of LLMs, with its limits, headers and streams."""

    def __init__(self, config: str) -> None:
        port = free_port()
        program = ROOT / "benches" / "lab" / "provider.py"
        super().__init__([sys.executable, str(program), "--port", str(port), "--config", config], port, folder())
        self.url = f"http://127.0.0.1:{port}"
