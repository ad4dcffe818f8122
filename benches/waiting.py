#!/usr/bin/env python3
"""Measures what waiting clients cost the server, and how late they are admitted. Prints a table.

    benches/waiting.py [--waiters 10000] [--pace 2000] [--server redis-server] [--module target/release/libredis_rl.so]

It runs twice on a new server with an AOF: with all clients on one key, and with a key for each client.

- The clients connect and are idle. Then they wait for a limit that is full for an hour. Measured: memory and CPU time of both.
- The key is deleted, so that all clients are admitted at once. Measured: the time this takes, and the cost of one client.
- The clients wait again, for limits that admit one every half a millisecond (--pace 2000 a second). Measured: how late each
  client is admitted, by the instant in the AOF and by the clock of this program, which shares the machine with the server.

For comparison, the same number of clients waits in BLPOP and is then served.
"""

import argparse
import collections
import os
import resource
import select
import shlex
import socket
import subprocess
import sys
import tempfile
import time

LINE = "{:<46} {:>14} {:>14}"
SETTLED = 7  # seconds after which the server has shrunk the buffers of idle clients


def encode(line):
    words = line.encode().split(b" ")
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


class Server:
    def __init__(self, options, folder):
        self.folder = folder
        self.path = os.path.join(folder, "socket")
        command = f"{options.server} --port 0 --unixsocket {self.path} --dir {folder} --logfile {folder}/log"
        command += f" --maxclients {options.waiters + 100} --appendonly yes --appendfsync no"
        command += f" --auto-aof-rewrite-percentage 0 --loadmodule {os.path.abspath(options.module)}"
        self.process = subprocess.Popen([*shlex.split(command), "--save", ""], stdout=subprocess.DEVNULL)
        while True:
            try:
                self.control = Control(self.path)
                break
            except OSError:
                if self.process.poll() is not None:
                    sys.exit(f"the server did not start: {command}")
                time.sleep(0.05)

    def ask(self, line):
        return self.control.ask(line)

    def info(self):
        lines = self.ask("INFO everything").decode().split("\r\n")
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def used_memory(self):
        time.sleep(SETTLED)
        return int(self.info()["used_memory"])

    def cpu(self):
        info = self.info()
        return float(info["used_cpu_user"]) + float(info["used_cpu_sys"])

    def cpu_over(self, seconds):
        begin = self.cpu()
        time.sleep(seconds)
        return self.cpu() - begin

    def waiting(self):
        info = self.info()
        return int(info["blocked_clients"])

    def effects(self):
        """Yields the key and the instant of each admission, in order."""
        folder = os.path.join(self.folder, "appendonlydir")
        (name,) = [name for name in os.listdir(folder) if name.endswith(".incr.aof")]
        with open(os.path.join(folder, name), "rb") as file:
            while line := file.readline():  # *3, then $length and the bytes of each word
                words = []
                for _ in range(int(line[1:])):
                    length = int(file.readline()[1:])
                    words.append(file.read(length + 2)[:-2])
                if words[0] == b"RL.APPLY":
                    yield words[1].decode(), instant(words[2])

    def end(self):
        self.process.kill()
        self.process.wait()


def instant(effect):
    """The instant of an effect: the first number after the bytes that say what it is, in sevens of bits."""
    ms = 0
    for shift, byte in enumerate(effect[2:]):
        ms |= (byte & 127) << 7 * shift
        if byte < 128:
            return ms


class Control:
    """One connection that waits for its answers."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.replies = self.socket.makefile("rb")

    def ask(self, line):
        self.socket.sendall(encode(line))
        return self.reply()

    def reply(self):
        line = self.replies.readline()
        if line[:1] == b"*":
            return [self.reply() for _ in range(int(line[1:]))]
        if line[:1] == b"$" and line[1:2] != b"-":
            return self.replies.read(int(line[1:]) + 2)[:-2]
        if line[:1] == b"-" or not line:
            sys.exit(f"the server answered {line!r}")
        return line[1:-2]


class Connections:
    """Many connections. Each has one line of text to read for each command. Only the first integer of a reply is
    checked."""

    def __init__(self, path, count):
        self.poll = select.epoll()
        self.clients = {}
        for _ in range(count):
            client = socket.socket(socket.AF_UNIX)
            client.connect(path)
            self.clients[client.fileno()] = client
            self.poll.register(client, select.EPOLLIN)

    def send(self, lines):
        for client, line in zip(self.clients.values(), lines):
            client.sendall(b"".join(map(encode, line.split("; "))))

    def hear(self, count):
        """Reads until `count` clients have a reply. Returns the time of each reply, in the order of the clients."""
        told = {}
        while len(told) < count:
            for number, _ in self.poll.poll(30) or sys.exit("a client was not answered"):
                said = self.clients[number].recv(1 << 16)
                if not said or b"-" in said.split(b"\r\n")[0]:
                    sys.exit(f"a client was told {said!r}")
                told[number] = time.time() * 1_000
        return [told.get(number) for number in self.clients]

    def close(self):
        for client in self.clients.values():
            client.close()


def until(happened):
    while not happened():
        time.sleep(0.02)


def percentiles(late):
    late = sorted(late)
    return [late[len(late) * part // 1_000] for part in (500, 990, 999)]


def wait(server, connections, lines, count):
    begin = time.time()
    connections.send(lines)
    until(lambda: server.waiting() == count)
    return time.time() - begin


def scenario(options, key, figures):
    """Measures once. `key` returns the key of a client by its number."""
    count = options.waiters
    with tempfile.TemporaryDirectory(prefix="waiting-") as folder:
        server = Server(options, folder)
        try:
            keys = [key(number) for number in range(count)]
            for name in set(keys):
                server.ask(f"RL.SLIDE full:{name} {count} 1h COST {count}")
            begin = time.time()
            connections = Connections(server.path, count)
            connected = time.time() - begin
            memory, cpu = server.used_memory(), server.cpu_over(options.idle)
            joined = wait(server, connections, [f"RL.SLIDE full:{name} {count} 1h WAIT 1h" for name in keys], count)
            figures["connected, s"] = f"{connected:.2f}"
            figures["all of them waiting, s after that"] = f"{joined:.2f}"
            figures["memory of a waiter, bytes"] = f"{(server.used_memory() - memory) / count:,.0f}"
            figures[f"CPU s in {options.idle:g} s: connected, idle"] = f"{cpu:.3f}"
            figures[f"CPU s in {options.idle:g} s: all waiting"] = f"{server.cpu_over(options.idle):.3f}"
            at_once(server, connections, count, figures)
            paced(options, server, connections, keys, figures)
            connections.close()
        finally:
            server.end()
    pop(options, keys, figures)


def at_once(server, connections, count, figures):
    cpu, begin = server.cpu(), time.time() * 1_000
    server.ask("FLUSHALL")
    heard = connections.hear(count)
    figures["all at once: the last is admitted after, ms"] = f"{max(heard) - begin:,.0f}"
    figures["all at once: CPU of one, µs"] = f"{(server.cpu() - cpu) * 1e6 / count:.1f}"


def paced(options, server, connections, keys, figures):
    count, ms = len(keys), 1_000 / options.pace
    known = sum(1 for _ in server.effects())
    wait_for = 4_000  # ms until the first is admitted, so that all wait by then
    if len(set(keys)) == 1:
        # One client waits for this many tokens, before all others.
        server.ask(f"CONFIG SET rl.max-waiters-per-key {count + 1}")
        plug = Control(server.path)
        tokens = options.pace * wait_for // 1_000
        bucket = f"RL.BUCKET pace {2 * tokens} {options.pace}"  # never full, so that the key does not expire in between
        server.ask(f"{bucket} COST {2 * tokens}")
        plug.socket.sendall(encode(f"{bucket} COST {tokens} WAIT 1h PRIORITY 0"))
        until(lambda: server.waiting() == 1)
        wait(server, connections, [f"{bucket} WAIT 1h"] * count, count + 1)
        cpu = server.cpu()
        heard = connections.hear(count)
        effects = [at for _, at in list(server.effects())[known:]]
        begin, granted = effects[0], effects[2:]
        due = [begin + wait_for + (number + 1) * ms for number in range(count)]
        whole = [-(-at // 1) for at in due]  # a token is whole at the end of its ms
        late = [at - due for at, due in zip(granted, whole)]
        seen = [at - due for at, due in zip(heard, whole)]
    else:
        window = lambda number: wait_for + int(number * ms)
        ask = lambda number: f"RL.SLIDE pace:{number} 1 {window(number)}ms"
        connections.send([f"{ask(number)}; {ask(number)} WAIT 1h" for number in range(count)])
        connections.hear(count)
        until(lambda: server.waiting() == count)
        cpu = server.cpu()
        heard = connections.hear(count)
        due, late = {}, []
        for name, at in list(server.effects())[known:]:
            number = int(name.split(":")[1])
            if number in due:
                late.append(at - due[number])
            else:
                due[number] = at + window(number)
        seen = [at - due[number] for number, at in enumerate(heard)]
    cpu = server.cpu() - cpu
    assert len(late) == count and min(late) >= 0, (len(late), min(late))
    shown = lambda late: " ".join(f"{ms:.0f}" for ms in percentiles(late))
    figures["paced: late by the AOF, ms: p50 p99 p99.9"] = shown(late)
    figures["paced: late by the client, ms: p50 p99 p99.9"] = shown(seen)
    figures["paced: CPU of one, µs"] = f"{cpu * 1e6 / count:.1f}"


def pop(options, keys, figures):
    """Measures the same with clients that the server itself blocks."""
    count = len(keys)
    with tempfile.TemporaryDirectory(prefix="waiting-") as folder:
        server = Server(options, folder)
        try:
            connections = Connections(server.path, count)
            memory = server.used_memory()
            wait(server, connections, [f"BLPOP list:{name} 3600" for name in keys], count)
            figures["BLPOP: memory of a waiter, bytes"] = f"{(server.used_memory() - memory) / count:,.0f}"
            figures[f"BLPOP: CPU s in {options.idle:g} s: all waiting"] = f"{server.cpu_over(options.idle):.3f}"
            cpu, begin = server.cpu(), time.time() * 1_000
            calls = collections.Counter(keys).items()
            pushes = [encode(f"RPUSH list:{name}" + " x" * times) for name, times in calls]
            server.control.socket.sendall(b"".join(pushes))
            heard = connections.hear(count)
            for _ in calls:
                server.control.reply()
            figures["BLPOP: the last is served after, ms"] = f"{max(heard) - begin:,.0f}"
            figures["BLPOP: CPU of one, µs"] = f"{(server.cpu() - cpu) * 1e6 / count:.1f}"
            connections.close()
        finally:
            server.end()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default=os.environ.get("REDIS_RL_SERVER", "redis-server"))
    parser.add_argument("--module", default="target/release/libredis_rl.so")
    parser.add_argument("--waiters", type=int, default=10_000)
    parser.add_argument("--pace", type=int, default=2_000, help="how many clients are admitted per second")
    parser.add_argument("--idle", type=float, default=20, help="the seconds over which CPU time is counted")
    options = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most < options.waiters + 200:
        sys.exit(f"{options.waiters} sockets are more than this system lets a process have: ulimit -Hn says {most}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    one, each = {}, {}
    scenario(options, lambda _: "all", one)
    scenario(options, str, each)
    print(LINE.format(f"{options.waiters:,} clients that wait", "one key", "a key each"))
    for what, figure in one.items():
        print(LINE.format(what, figure, each[what]))


if __name__ == "__main__":
    main()
