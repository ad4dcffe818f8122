#!/usr/bin/env python3
"""The shell lines in README.md, docs/ and examples/README.md: each is run as it stands in a shell, in the order of its page.

What a line says of where things are is true in the shell that it is run in, by programs of the same names in front of the PATH: `redis-cli` asks, and
`redis-server` and `make run` start, a server on a free port; `pip` and `python3` are those of a virtual environment. A line that is known
to nobody fails: it is to be run here, or by a script that ELSEWHERE names, which has to read it from its page.

What is typed at `redis-cli` alone is tests/server/pages.rs's, which compares the answers too; lines behind `> ` likewise.

    shell.py --server redis-server --venv FOLDER
"""

import argparse
import glob
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.abspath(f"{os.path.dirname(__file__)}/../..")
# A line that begins so is one for a shell.
PROGRAMS = "make docker pip python3 python redis-cli redis-server redis_exporter valkey-server valkey-cli cargo npm node go mvn java php ruby curl"
PROGRAMS += " kubectl helm apt apt-get dpkg git cd export sudo systemctl sh bash rl-coordinator"
ELSEWHERE = {"docker": ".ci/test-docker.sh", "redis_exporter": "tests/monitoring/run.py"}
SERVERS = ("make run", "redis-server ")


def lines(page):
    """The shell lines of a page."""
    with open(f"{ROOT}/{page}") as file:
        blocks = re.findall(r"^ *```(?:sh|bash|console)?\n(.*?)^ *```", file.read(), re.DOTALL | re.MULTILINE)
    stripped = [line.strip() for block in blocks for line in block.splitlines()]
    return [line for line in stripped if line.split(" ")[0] in PROGRAMS.split()]


def is_of_redis_cli(line):
    return line.startswith("redis-cli ") and "|" not in line and line != "redis-cli RL.SLIDE key 500 60"


class Shell:
    """A folder of programs to stand before the others, and the server that is asked."""

    def __init__(self, options):
        self.folder = tempfile.mkdtemp(prefix="rl-pages-")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = str(probe.getsockname()[1])
        self.cli = [shutil.which("redis-cli"), "-p", self.port]
        self.program("redis-cli", f'exec "{self.cli[0]}" -p {self.port} "$@"')
        server = os.path.abspath(options.server)
        self.program("redis-server", f'exec "{server}" "$@" --port {self.port} --save ""')
        path = f"{self.folder}/bin:{options.venv}/bin:{os.environ['PATH']}"
        self.environment = {**os.environ, "PATH": path, "PORT": self.port, "REDIS_URL": f"redis://127.0.0.1:{self.port}"}
        self.started = None

    def program(self, name, text):
        os.makedirs(f"{self.folder}/bin", exist_ok=True)
        path = f"{self.folder}/bin/{name}"
        with open(path, "w") as file:
            file.write(f"#!/bin/sh\n{text}\n")
        os.chmod(path, 0o755)

    def ask(self, *words):
        return subprocess.run([*self.cli, *words], capture_output=True, text=True).stdout.split("\n")[:-1]

    def run(self, line, cwd=ROOT):
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", line], cwd=cwd, env=self.environment, stdout=subprocess.PIPE, text=True)
        assert done.returncode == 0, f"{line}: ended with {done.returncode}: {done.stdout}"
        return done.stdout

    def start(self, line):
        """A line that starts a server, in the place of the one before."""
        self.stop()
        self.started = subprocess.Popen(["bash", "-c", line], cwd=ROOT, env=self.environment, stdout=subprocess.DEVNULL, start_new_session=True)
        while self.ask("PING") != ["PONG"]:
            assert self.started.poll() is None, f"{line}: ended with {self.started.returncode}"
            time.sleep(0.1)  # it builds, and may be long about it
        assert self.ask("RL.PEEK", "nobody") == [""], f"{line}: no module"

    def stop(self):
        if self.started:
            self.ask("SHUTDOWN", "NOSAVE")
            assert self.started.wait(30) == 0, self.started.returncode
        self.started = None

    def close(self):
        if self.started and self.started.poll() is None:
            os.killpg(self.started.pid, signal.SIGKILL)
        shutil.rmtree(self.folder)


def first_answer(shell, line):
    assert shell.run(line).split() == ["1", "500", "499", "0", "60000"], line


def old_keys(shell, line):
    shell.ask("MSET", "throttle:a", "1", "throttle:b", "2", "other", "3")
    shell.run(line)
    assert shell.ask("KEYS", "*") == ["other"], line


def text_file(shell, line):
    shell.ask("CONFIG", "RESETSTAT")
    before = int(re.search(r"rl_slide_admitted:(\d+)", "\n".join(shell.ask("INFO", "rl"))).group(1))
    shell.ask("RL.SLIDE", "of:text:file", "5", "60")
    shell.run(line, shell.folder)
    with open(f"{shell.folder}/redis_rl.prom") as file:
        text = file.read()
    assert f"redis_rl_slide_admitted {before + 1}\n" in text, text
    assert all(re.fullmatch(r"redis_rl_[a-z_]+ \d+", line) for line in text.splitlines()), text


def example(shell, line):
    assert "slide" in shell.run(line), line


CHECKED = {
    "redis-cli RL.SLIDE key 500 60": first_answer,
    "redis-cli --scan --pattern 'throttle:*' | xargs -r redis-cli DEL": old_keys,
    r"redis-cli INFO rl | tr -d '\r' | sed -n 's/^\(rl_[a-z_]*\):\([0-9]*\)$/redis_\1 \2/p' >redis_rl.prom": text_file,
    "python3 examples/python/limits.py": example,
    "make build": Shell.run,
    "pip install -r examples/python/requirements.txt": Shell.run,
}


def do(shell, page, line):
    line = re.sub(r"\s+#.*", "", line)
    if is_of_redis_cli(line):
        return
    program = line.split(" ")[0]
    if program in ELSEWHERE:
        with open(f"{ROOT}/{ELSEWHERE[program]}") as file:
            assert os.path.basename(page) in file.read(), f"{ELSEWHERE[program]} does not read {page}: {line}"
        return
    print(f"{page}: {line}", flush=True)
    if line.startswith(SERVERS):
        shell.start(line)
        return
    assert line in CHECKED, f"{page}: nobody runs this: {line}"
    if not shell.started:
        shell.start("make run")
    CHECKED[line](shell, line)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--server", required=True)
    options.add_argument("--venv", required=True)
    shell = Shell(options.parse_args())
    pages = ["README.md", *sorted(glob.glob("docs/*.md", root_dir=ROOT)), "examples/README.md"]
    try:
        found = [(page, line) for page in pages for line in lines(page)]
        missing = set(CHECKED) - {re.sub(r"\s+#.*", "", line) for _, line in found}
        assert not missing, f"on no page: {missing}"
        for page, line in found:
            do(shell, page, line)
        shell.stop()
    except AssertionError as error:
        sys.exit(f"shell.py: {error}")
    finally:
        shell.close()


if __name__ == "__main__":
    main()
