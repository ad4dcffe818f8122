"""A real server with the module, a client for it, and the text form of arguments and replies.

Text form: a word has no blanks. A byte that is not printable ASCII, a blank, a quote or a backslash is written `\\x20`.
An integer is `7`, nil `nil`, a status `OK`, a bulk string `"text"`, an array `[ 1 nil ]`, an error `!ERR\\x20text`.
"""

import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path


def escape(data):
    plain = b"\"\\[]*"
    return "".join(chr(byte) if 0x20 < byte < 0x7F and byte not in plain else f"\\x{byte:02x}" for byte in data)


def as_bytes(word):
    return word if isinstance(word, bytes) else str(word).encode()


class Fault(Exception):
    """An error reply."""


class Client:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.inbox = self.socket.makefile("rb")

    def send(self, *words):
        words = [as_bytes(word) for word in words]
        parts = [b"*%d\r\n" % len(words)] + [b"$%d\r\n%s\r\n" % (len(word), word) for word in words]
        self.socket.sendall(b"".join(parts))

    def receive(self):
        line = self.inbox.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest.decode()
        if kind == b"-":
            return Fault(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$" and rest != b"-1":
            return self.inbox.read(int(rest) + 2)[:-2]
        if kind == b"*" and rest != b"-1":
            return [self.receive() for _ in range(int(rest))]
        if kind in (b"$", b"*"):
            return None
        raise ConnectionError(f"no reply: {line!r}")

    def ask(self, *words):
        self.send(*words)
        return self.receive()

    def do(self, *words):
        """Asks, and fails where the answer is an error."""
        reply = self.ask(*words)
        if isinstance(reply, Fault):
            raise reply
        return reply

    def line(self, line):
        """Does what a line says, its words separated by blanks."""
        return self.do(*line.split())


def text(reply):
    if reply is None:
        return "nil"
    if isinstance(reply, list):
        return " ".join(["[", *map(text, reply), "]"])
    if isinstance(reply, bytes):
        return f'"{escape(reply)}"'
    if isinstance(reply, Fault):
        return "!" + escape(str(reply).encode())
    return str(reply)


class Server:
    """A server with the module in a folder of its own, which starts as a copy of another folder if one is given."""

    def __init__(self, program, module, files=None, aof=False, preamble=True):
        self.folder = Path(tempfile.mkdtemp(prefix="rl-data-"))
        if files:
            shutil.copytree(files, self.folder, dirs_exist_ok=True)
        self.socket = self.folder / "server.sock"
        settings = {
            "port": 0, "unixsocket": self.socket, "dir": self.folder, "logfile": "server.log", "save": "",
            "enable-debug-command": "yes", "auto-aof-rewrite-percentage": 0, "loadmodule": module,
            "appendonly": "yes" if aof else "no", "aof-use-rdb-preamble": "yes" if preamble else "no",
        }
        command = [program] + [part for name, value in settings.items() for part in (f"--{name}", str(value))]
        self.process = subprocess.Popen(command, cwd=self.folder, stdout=subprocess.DEVNULL)
        until("the server answers", self.answers)

    def answers(self):
        if self.process.poll() is not None:
            raise SystemExit((self.folder / "server.log").read_text())
        try:
            return self.client().ask("PING") == "PONG"
        except (FileNotFoundError, ConnectionError):
            return False

    def client(self):
        return Client(self.socket)

    def stop(self):
        """Ends it; what the append-only file is to hold is in it then."""
        self.client().send("SHUTDOWN", "NOSAVE")
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder)


def until(what, holds, seconds=60):
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise SystemExit(f"not within {seconds} s: {what}")
        time.sleep(0.01)
