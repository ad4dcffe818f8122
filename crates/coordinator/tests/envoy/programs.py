"""Starts programs for the tests. They do not outlive the tests."""

import atexit
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time

WORK = pathlib.Path(tempfile.mkdtemp(prefix="rl-envoy-"))
running = []


def end_all():
    for program in running:
        program.kill()
        program.wait()
    shutil.rmtree(WORK, ignore_errors=True)


atexit.register(end_all)


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def until(what, found, timeout=60):
    """Waits until `found` returns something, and returns it."""
    end = time.monotonic() + timeout
    while not (result := found()):
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.01)
    return result


def start(name, *command):
    """Starts a program whose output goes to a file."""
    log = WORK / f"{name}-{len(running)}.log"
    with log.open("wb") as out:
        program = subprocess.Popen(command, stdout=out, stderr=out, cwd=WORK)
    program.log = log
    running.append(program)
    return program


class Coordinator:
    """rl-coordinator with this configuration, in which `envoy.listen` is left out."""

    def __init__(self, config, *arguments):
        path = WORK / f"config-{len(running)}.toml"
        path.write_text(config)
        self.program = start("coordinator", os.environ["COORDINATOR"], "--config", str(path),
                             "--listen", "127.0.0.1:0", *arguments)
        self.http = self.address("listening on")
        self.envoy = self.address("Envoy is answered on")

    def address(self, said):
        def found():
            log = self.log()
            assert self.program.poll() is None, log
            return re.search(said + r" https?://(\S+)", log)
        return until(said, found)[1]

    def log(self):
        return self.program.log.read_text()

    def end(self):
        self.program.terminate()
        assert self.program.wait(30) == 0, self.log()
        assert "panicked" not in self.log(), self.log()


class Redis:
    """A server with the module."""

    def __init__(self, port=None):
        self.port = port or free_port()
        folder = WORK / f"redis-{len(running)}"
        folder.mkdir()
        self.program = start("redis", os.environ["REDIS_RL_SERVER"], "--port", str(self.port), "--dir", str(folder),
                             "--save", "", "--loadmodule", os.environ["REDIS_RL_MODULE"])
        until("redis listens", self.listens)

    def listens(self):
        assert self.program.poll() is None, self.program.log.read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def command(self, *words):
        with socket.create_connection(("127.0.0.1", self.port)) as stream:
            lines = [f"*{len(words)}"] + [part for word in words for part in (f"${len(word)}", word)]
            stream.sendall(("\r\n".join(lines) + "\r\n").encode())
            return stream.recv(4096)

    def end(self):
        self.program.kill()
        self.program.wait()


def run_all(checks):
    """Runs the checks, prints the result of each, and ends the program."""
    failed = 0
    for name, check in checks:
        try:
            check()
        except Exception as error:  # any error is a failure
            failed += 1
            print(f"FAILED  {name}: {error.__class__.__name__}: {error}", flush=True)
        else:
            print(f"passed  {name}", flush=True)
    print(f"{len(checks) - failed} passed, {failed} failed")
    raise SystemExit(1 if failed or not checks else 0)
