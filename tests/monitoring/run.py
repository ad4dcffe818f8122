"""Does what examples/ has for monitoring show something? A real server with the module, redis_exporter with the script,
Prometheus with the rules; then each query of the dashboard and each name in a rule is asked for, and must have an answer.

    run.py --server redis-server --module libredis_rl.so --exporter redis_exporter --prometheus prometheus
"""

import argparse
import json
import re
import socket
import subprocess
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PAGE = EXAMPLES.parent / "docs/monitoring.md"
TIMEOUT = 60  # seconds, for a program to start or a number to arrive

# Commands that move each counter on the panels: admitted, denied, errors, and waiters, of which the last
# times out.
TRAFFIC = [
    "RL.SLIDE slide 2 1h", "RL.SLIDE slide no 1h", "RL.WINDOW window 2 1h", "RL.BUCKET bucket 2 1 1h",
    "RL.QUOTA quota LIMIT rpm 2 1h", "RL.QUOTA quota LIMIT", "CL.THROTTLE cell 1 2 3600",
    "RL.MQUOTA 1 org POLICY p", "RL.PEEK slide", "RL.SLIDE brief 1 20ms WAIT 1s", "RL.SLIDE line 1 1h WAIT 50ms",
]  # fmt: skip


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def until(what, is_so):
    end = time.monotonic() + TIMEOUT
    while True:
        try:
            if found := is_so():
                return found
        except OSError:
            pass  # not listening yet
        if time.monotonic() > end:
            raise SystemExit(f"test-monitoring: {what}: not within {TIMEOUT} s")
        time.sleep(0.1)


def get(url):
    with urllib.request.urlopen(url, timeout=TIMEOUT) as reply:
        return reply.read().decode()


class Redis:
    """One connection, requests as lines of words; replies are read, and not looked at."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)
        self.replies = self.socket.makefile("rb")

    def ask(self, line):
        self.socket.sendall(line.encode() + b"\r\n")
        return self.reply()

    def reply(self):
        kind, rest = (line := self.replies.readline())[:1], line[1:].strip()
        if kind == b"*":
            return [self.reply() for _ in range(int(rest))]
        if kind == b"$":
            return None if rest == b"-1" else self.replies.read(int(rest) + 2)[:-2].decode()
        return rest.decode()


def serve(port, stop):
    redis = Redis(port)
    redis.ask("RL.POLICY SET p LIMIT rpm 2 1h")
    while not stop.is_set():
        for line in TRAFFIC:
            redis.ask(line)


def exporter(path, listen, redis, *options):
    address = f"127.0.0.1:{listen}"
    command = [path, "-redis.addr", f"redis://127.0.0.1:{redis}", "-web.listen-address", address, *options]
    running = subprocess.Popen(command, cwd=EXAMPLES.parent, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return running, f"http://{address}/metrics"


def configuration(folder, target):
    """That of examples/, with the addresses of this test, and asking more often."""
    text = (EXAMPLES / "prometheus/prometheus.yaml").read_text()
    for old, new in [("127.0.0.1:9121", target), (": 15s", ": 1s"), ("- rules.yaml", f"- {EXAMPLES}/prometheus/rules.yaml")]:
        assert old in text, old
        text = text.replace(old, new)
    (folder / "prometheus.yaml").write_text(text)
    return folder / "prometheus.yaml"


def queries_of_the_dashboard():
    for panel in json.loads((EXAMPLES / "grafana/redis-rl.json").read_text())["panels"]:
        for target in panel["targets"]:
            query = target["expr"].replace("$__rate_interval", "10s").replace("$job", ".*").replace("$instance", ".*")
            assert "$" not in re.sub(r'"\$[12]"', "", query), query
            yield panel["title"], query


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    for name in ("server", "module", "exporter", "prometheus"):
        arguments.add_argument(f"--{name}", required=True)
    options = arguments.parse_args()
    stop, running = threading.Event(), []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            test(options, folder, running, stop)
        finally:
            stop.set()
            for process in reversed(running):
                process.terminate()
                process.wait()


def test(options, folder, running, stop):
    port, bare_port, listen, web = (free_port() for _ in range(4))
    server = [options.server, "--port", str(port), "--dir", str(folder), "--save", "", "--maxmemory", "100mb"]
    server += ["--loadmodule", options.module, "cl-throttle", "yes"]
    running.append(subprocess.Popen(server, stdout=subprocess.DEVNULL))
    until("the server answers", lambda: Redis(port).ask("PING") == "PONG")
    # The exporter's user from docs/monitoring.md may run every command that the exporter sends.
    user = re.search(r"^user exporter .*$", PAGE.read_text(), re.M).group()
    assert Redis(port).ask(f"ACL SETUSER {user.removeprefix('user ')}") == "OK", user
    threading.Thread(target=serve, args=(port, stop), daemon=True).start()

    # As docs/monitoring.md says, the exporter has none of the module's numbers without the script.
    modules = "-include-modules-metrics"
    known = subprocess.run([options.exporter, "--help"], capture_output=True, text=True).stderr
    plain, url = exporter(options.exporter, bare_port, port, *([modules] if modules in known else []))
    running.append(plain)
    metrics = until("the exporter answers", lambda: get(url))
    assert "redis_up 1" in metrics and "rl_slide" not in metrics, "redis_exporter exports INFO rl by itself: say so in docs/monitoring.md"
    assert re.search(r'redis_commands_total\{cmd="rl.slide"\}', metrics, re.I), "no statistics of commands"

    # The command line from docs/monitoring.md, with the exporter's user.
    words = re.search(r"^redis_exporter (--.*)$", PAGE.read_text(), re.M).group(1).split()
    scripted, url = exporter(options.exporter, listen, port, *words, "-redis.user", "exporter", "-redis.password", "a-long-random-one")
    running.append(scripted)
    metrics = until("the exporter answers", lambda: get(url))
    fields = set(re.findall(r"^(rl_\w+):\d+\r?$", Redis(port).ask("INFO rl"), re.M))
    exported = set(re.findall(r'^redis_script_values\{.*?key="(\w+)"', metrics, re.M))
    assert fields and exported == fields, f"of INFO rl, these are not exported: {fields - exported}"

    rules = re.sub(r"^ *#.*", "", (EXAMPLES / "prometheus/rules.yaml").read_text(), flags=re.M)
    for metric in set(re.findall(r"\bredis_\w+", rules)) - {"redis_rl"}:
        assert re.search(rf"^{metric}\b", metrics, re.M), f"rules.yaml asks for {metric}, which is not exported"
    for field in re.findall(r'key="(rl_\w+)"', rules):
        assert field in fields, f"rules.yaml asks for {field}, which INFO rl does not have"

    command = [options.prometheus, f"--config.file={configuration(folder, f'127.0.0.1:{listen}')}"]
    command += [f"--storage.tsdb.path={folder}/tsdb", f"--web.listen-address=127.0.0.1:{web}"]
    with (folder / "log").open("wb") as log:
        running.append(subprocess.Popen(command, stderr=log, stdout=log))

    def answer(query):
        url = f"http://127.0.0.1:{web}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
        return json.loads(get(url))["data"]["result"]

    until("Prometheus asks the exporter", lambda: answer("redis_up == 1"))
    until("rates are recorded", lambda: answer('redis_rl:requests:rate5m{command="slide", result="denied"} > 0'))
    asked = 0
    for title, query in queries_of_the_dashboard():
        until(f"the panel {title!r} shows something, {query}", lambda query=query: answer(query))
        asked += 1
    for lane in ("timed_out", "granted"):
        until(f"some have waited: {lane}", lambda lane=lane: answer(f'redis_script_values{{key="rl_waiters_{lane}"}} > 0'))
    groups = json.loads(get(f"http://127.0.0.1:{web}/api/v1/rules"))["data"]["groups"]
    unwell = [(rule["name"], rule["health"]) for group in groups for rule in group["rules"] if rule["health"] != "ok"]
    assert groups and not unwell, unwell
    print(f"{len(fields)} fields of INFO rl exported by the script; {asked} queries of the dashboard answered; rules are well")


if __name__ == "__main__":
    main()
