#!/usr/bin/env python3
"""The shell lines in README.md, docs/ and examples/README.md: each is run unchanged in a shell, in the order of its page.

What a line says of where things are is true in the shell that it is run in, by programs of the same names in front of the PATH: `redis-cli` asks, and
`redis-server` and `make run` start, a server on a free port; `cargo run -p rl-coordinator` and `curl` likewise; `pip` and `python3` are those of a virtual
environment. An unknown line fails: it is to be run here, or by a script that ELSEWHERE names (by line, program or page), which has to read it
from its page.
What curl is shown to be answered it has to be answered. And files of the coordinator's that are shown have to be right.

What is typed at `redis-cli` alone is tests/server/pages.rs's, which compares the answers too; lines behind `> ` likewise. Code of the client packages is
tests/packages/pages.py's.

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
# A line that begins with one of these words is a shell line.
PROGRAMS = "make docker pip python3 python redis-cli redis-server redis_exporter valkey-server valkey-cli cargo npm node go mvn java php ruby curl"
PROGRAMS += " kubectl helm uvicorn apt apt-get dpkg git cd export sudo systemctl sh bash rl-coordinator envoy"
ENVOY = "crates/coordinator/tests/envoy/proxy.py"
ELSEWHERE = {"docker": ".ci/test-docker.sh", "redis_exporter": "tests/monitoring/run.py", "envoy": ENVOY, "rl-coordinator": ENVOY}
ELSEWHERE["curl -i -H 'x-user: ann' localhost:10000"] = ENVOY
ELSEWHERE |= dict.fromkeys(("python3 -m venv venv", "uvicorn", "curl -i localhost:8000"), "tests/packages/walk.py")
ELSEWHERE["docs/llm-quotas.md"] = "tests/llm/pages.py"  # all lines of the page
COORDINATOR = "cargo run -p rl-coordinator"
SERVERS = ("make run", "redis-server ")


def blocks(page, language):
    with open(f"{ROOT}/{page}") as file:
        found = re.findall(r"^ *```([^\n`]*)\n(.*?)^ *```", file.read(), re.DOTALL | re.MULTILINE)
    return [text for name, text in found if re.fullmatch(language, name)]


def is_whole(line):
    return subprocess.run(["bash", "-n", "-c", line], capture_output=True).returncode == 0


def lines(page):
    """The shell lines of a page, each with the settings before it in its block, and the answer that is shown below it."""
    for block in blocks(page, "(?:sh|bash|console)?"):
        rest, setting = [line.strip() for line in block.splitlines()], ""
        while rest:
            line = rest.pop(0)
            if re.match(r"\w+='", line):
                setting += line + "\n"
            if line.split(" ")[0] not in PROGRAMS.split():
                continue
            while rest and not is_whole(line):
                line += "\n" + rest.pop(0)
            answer = []
            while rest and rest[0].startswith("{"):
                answer.append(rest.pop(0))
            yield re.sub(r"\s+# .*", "", line), setting, "\n".join(answer)


def is_of_redis_cli(line):
    return line.startswith("redis-cli ") and "|" not in line and line != "redis-cli RL.SLIDE key 500 60"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


class Shell:
    """A folder of programs that take precedence, the server, and the coordinator."""

    def __init__(self, options):
        self.folder = tempfile.mkdtemp(prefix="rl-pages-")
        self.port, self.http = free_port(), free_port()
        self.cli = [shutil.which("redis-cli"), "-p", self.port]
        self.program("redis-cli", f'exec "{self.cli[0]}" -p {self.port} "$@"')
        server = os.path.abspath(options.server)
        self.program("redis-server", f'exec "{server}" "$@" --port {self.port} --save ""')
        cargo, curl = shutil.which("cargo"), shutil.which("curl")
        self.program("cargo", f'[ "$*" != "run -p rl-coordinator" ] || set -- "$@" -- --listen 127.0.0.1:{self.http}\nexec "{cargo}" "$@"')
        self.program("curl", f'exec bash -c \'exec "{curl}" -sS --fail-with-body "${{@//localhost:8765/127.0.0.1:{self.http}}}"\' bash "$@"')
        path = f"{self.folder}/bin:{options.venv}/bin:{os.environ['PATH']}"
        self.environment = {**os.environ, "PATH": path, "PORT": self.port, "REDIS_URL": f"redis://127.0.0.1:{self.port}"}
        self.started = self.coordinator = None

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
            time.sleep(0.1)  # a build may run first, and take long
        assert self.ask("RL.PEEK", "nobody") == [""], f"{line}: no module"

    def start_coordinator(self):
        self.stop_coordinator()
        self.coordinator = subprocess.Popen(["bash", "-c", COORDINATOR], cwd=ROOT, env=self.environment, stderr=subprocess.DEVNULL, start_new_session=True)
        while subprocess.run(["curl", "-sf", f"http://127.0.0.1:{self.http}/healthz"], stdout=subprocess.DEVNULL).returncode != 0:
            assert self.coordinator.poll() is None, f"{COORDINATOR}: ended with {self.coordinator.returncode}"
            time.sleep(0.2)  # a build may run first, and take long

    def stop_coordinator(self):
        if self.coordinator:
            os.killpg(self.coordinator.pid, signal.SIGTERM)
            self.coordinator.wait(30)
        self.coordinator = None

    def stop(self):
        if self.started:
            self.ask("SHUTDOWN", "NOSAVE")
            assert self.started.wait(30) == 0, self.started.returncode
        self.started = None

    def close(self):
        for process in filter(None, (self.started, self.coordinator)):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
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
    'pip install "./clients/python[redis]" anthropic fastapi uvicorn': Shell.run,
}


def do(shell, page, line, setting, answer):
    if is_of_redis_cli(line):
        return
    elsewhere = ELSEWHERE.get(page) or ELSEWHERE.get(line) or ELSEWHERE.get(line.split(" ")[0])
    if elsewhere:
        with open(f"{ROOT}/{elsewhere}") as file:
            assert os.path.basename(page) in file.read(), f"{elsewhere} does not read {page}: {line}"
        return
    print(f"{page}: {line}", flush=True)
    if line.startswith(SERVERS):
        shell.start(line)
    elif line == COORDINATOR:
        shell.start_coordinator()
    elif line.startswith("curl "):
        answered = shell.run(setting + line).rstrip("\n")
        assert answered and (not answer or answered == answer), f"{line}: {answered}"
    else:
        assert line in CHECKED, f"{page}: no test runs this: {line}"
        if not shell.started:
            shell.start("make run")
        CHECKED[line](shell, line)


def check_file(shell, text):
    """A configuration of the coordinator's."""
    with open(f"{shell.folder}/coordinator.toml", "w") as file:
        file.write(text)
    shell.run(f"cargo run -q -p rl-coordinator -- --config {shell.folder}/coordinator.toml --check")


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--server", required=True)
    options.add_argument("--venv", required=True)
    shell = Shell(options.parse_args())
    pages = ["README.md", *sorted(glob.glob("docs/*.md", root_dir=ROOT)), "examples/README.md"]
    try:
        found = [(page, *line) for page in pages for line in lines(page)]
        missing = set(CHECKED) - {line for _, line, *_ in found}
        assert not missing, f"on no page: {missing}"
        for page, *line in found:
            do(shell, page, *line)
        for page in ("docs/coordinator.md", "docs/envoy.md"):
            for text in blocks(page, "toml"):
                check_file(shell, text)
        shell.stop_coordinator()
        shell.stop()
    except AssertionError as error:
        sys.exit(f"shell.py: {error}")
    finally:
        shell.close()


if __name__ == "__main__":
    main()
