"""A server to measure and a client for it. The scripts of this folder share them."""

import argparse
import itertools
import json
import os
import resource
import shlex
import socket
import subprocess
import sys
import tempfile
import time

import commands

NUMBERS = itertools.count(1)


def parser(description):
    """Returns a parser with the options that all scripts have."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default=os.environ.get("REDIS_RL_SERVER", "redis-server"))
    parser.add_argument("--module", default=os.environ.get("REDIS_RL_MODULE", "target/release/libredis_rl.so"))
    parser.add_argument("--redis-cell", default=os.environ.get("REDIS_CELL"), metavar="SO", help="libredis_cell.so, to compare")
    parser.add_argument("--redis-shield", default=os.environ.get("REDIS_SHIELD"), metavar="SO", help="libredis_shield.so")
    parser.add_argument("--throttlecrab", default=os.environ.get("THROTTLECRAB"), metavar="PROGRAM", help="throttlecrab-server")
    return parser


def fill_in(line, key):
    """Returns the commands of one request."""
    now = time.time()
    line = line.replace("{key}", f"{key:09}").replace("{now}", f"{now:.6f}").replace("{at}", f"{now * 1000:013.0f}")
    line = line.replace("{id}", f"{next(NUMBERS):012}")
    return [shlex.split(part) for part in line.split("; ")]


def allow_many_connections():
    """Raises the number of files that this process and its servers may open as far as the system allows."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def encode(words):
    words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


class Client:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.replies = self.socket.makefile("rb")

    def ask(self, *words):
        return self.send([words])[0]

    def send(self, requests):
        self.socket.sendall(b"".join(map(encode, requests)))
        return [self.reply() for _ in requests]

    def reply(self):
        line = self.replies.readline()
        if line[:1] == b"*":
            return [self.reply() for _ in range(int(line[1:]))]
        if line[:1] == b"$":
            length = int(line[1:])
            return None if length < 0 else self.replies.read(length + 2)[:-2]
        if line[:1] == b"-" or not line:
            sys.exit(f"the server answered {line!r}")
        return int(line[1:]) if line[:1] == b":" else line[1:-2]


class Server:
    """A server in a folder of its own, with this module and the given modules of other limiters."""

    def __init__(self, options, more="", under="", folder=None, peers=True):
        self.temporary = None if folder else tempfile.TemporaryDirectory(prefix="measured-")
        self.folder = folder or self.temporary.name
        self.path = os.path.join(self.folder, "socket")
        modules = [options.module] + [so for so in (options.redis_cell, options.redis_shield) if so and peers]
        loaded = " ".join(f"--loadmodule {shlex.quote(os.path.abspath(so))}" for so in modules)
        line = f"{under.replace('%DIR%', self.folder)} {options.server} --port 0 --unixsocket {self.path} --dir {self.folder} --logfile {self.folder}/log"
        line += f" --enable-debug-command local {loaded} {more}"
        save = [] if "--save" in more else ["--save", ""]
        self.process = subprocess.Popen([*shlex.split(line), *save], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while True:
            try:
                self.client = Client(self.path)
                break
            except OSError:
                if self.process.poll() is not None:
                    sys.exit(f"the server did not start: {line}")
                time.sleep(0.05)
        while self.info().get("loading") != "0":
            time.sleep(0.05)

    def connect(self):
        """Opens a connection without a reader of replies. It waits while too many connections are being opened."""
        while True:
            client = socket.socket(socket.AF_UNIX)
            try:
                client.connect(self.path)
                return client
            except (BlockingIOError, ConnectionRefusedError):
                client.close()
                time.sleep(0.001)

    def prepare(self):
        """Sets the policies and loads the scripts that the commands need."""
        for policy in commands.POLICIES:
            self.ask(*policy.split())
        for name in commands.SCRIPTS:
            self.ask("SCRIPT", "LOAD", commands.script(name))

    def ask(self, *words):
        return self.client.ask(*words)

    def info(self):
        try:
            lines = self.ask("INFO", "everything").decode().split("\r\n")
        except SystemExit:  # -LOADING
            return {}
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def version(self):
        info = self.info()
        name = info.get("server_name", "redis")
        return f"{name} {info.get(name + '_version', info['redis_version'])}"

    def load(self, mode, *words, to=None):
        """Runs benches/load on this server, or on the server `to`. Returns None if the server does not keep up with it."""
        program = os.path.join(commands.ROOT, "target", "load", "release", "load")
        done = subprocess.run([program, mode, to or self.path, *map(str, words)], capture_output=True, text=True)
        if done.returncode and "does not read" in done.stderr:
            return None
        if done.returncode:
            sys.exit(done.stderr.strip())
        return json.loads(done.stdout)

    def end(self):
        self.process.kill()
        self.process.wait()
        if self.temporary:
            self.temporary.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


def build_load():
    """Builds the program that sends requests. A Python program would be slower than the server."""
    manifest = os.path.join(commands.FOLDER, "load", "Cargo.toml")
    target = os.path.join(commands.ROOT, "target", "load")
    subprocess.run(
        ["cargo", "build", "--quiet", "--locked", "--release", "--manifest-path", manifest, "--target-dir", target], check=True
    )


def median(values):
    values = sorted(values)
    return (values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2
