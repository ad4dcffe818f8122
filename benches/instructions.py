#!/usr/bin/env python3
"""What one command costs inside the server, in instructions, beside `SET key value EX 60`.

    benches/instructions.py [--server redis-server] [--module target/release/libredis_rl.so] [--appendonly]

Counted by valgrind's callgrind, so that the figures are the same on a busy machine. One server runs all commands in
turn: a thousand keys are made, then each command is sent 4,000 times to random ones of them, 50 in a pipeline, and the
instructions in between are divided. It fails where a command costs more than its bound, if it has one.
"""

import argparse
import glob
import os
import random
import shlex
import socket
import subprocess
import sys
import tempfile
import time

KEYS, CALLS, PIPELINE = 1_000, 4_000, 50
YARDSTICK = "SET key:{} value EX 60"


def limits(rpm):
    """Two sliding windows and a fixed one, as an LLM caller has them."""
    return f"LIMIT rpm {rpm} 60 LIMIT tpm 8000000 60 UNIT tokens LIMIT tpd 20000000 1d UNIT tokens WINDOW"


POLICIES = [f"RL.POLICY SET roomy {limits(1_000_000)}", f"RL.POLICY SET narrow {limits(1)}"]

# What is measured, the command, and how many times the yardstick it may cost: a few hundredths above what it does.
COMMANDS = [
    ("admitted", "RL.BUCKET key:{} 1000000 1 60", 1.1),
    ("admitted", "RL.WINDOW key:{} 1000000 60", 1.08),
    ("admitted", "RL.SLIDE key:{} 1000000 60", 1.08),
    ("denied", "RL.BUCKET key:{} 1 1 1d", 0.85),
    ("denied", "RL.WINDOW key:{} 1 1d", 0.78),
    ("denied", "RL.SLIDE key:{} 1 1d", 0.78),
    ("asked", "RL.PEEK key:{}", 0.67),
    ("admitted", "RL.QUOTA key:{} POLICY roomy COST tokens 5", 1.75),
    ("admitted", f"RL.QUOTA key:{{}} {limits(1_000_000)} COST tokens 5", 2.65),
    ("denied", "RL.QUOTA key:{} POLICY narrow COST tokens 5", 1.65),
    ("denied", f"RL.QUOTA key:{{}} {limits(1)} COST tokens 5", 2.58),
    ("two calls", "RL.QUOTA key:{0} POLICY roomy COST tokens 5 RESERVE 60 ID a; RL.SETTLE key:{0} a COST tokens 3", None),
    ("three keys", "RL.MQUOTA 3 key:{0} team:{0} org:{0} POLICY roomy roomy roomy COST tokens 5", None),
]
# What makes the keys of a command that makes none.
MADE_BY = {"RL.PEEK key:{}": "RL.SLIDE key:{} 1000000 60"}


class Client:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.replies = self.socket.makefile("rb")

    def send(self, lines):
        words = [line.encode().split(b" ") for line in lines]
        encode = lambda line: b"*%d\r\n" % len(line) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in line)
        self.socket.sendall(b"".join(map(encode, words)))
        for _ in lines:
            self.reply()

    def reply(self):
        line = self.replies.readline()
        if line[:1] == b"*":
            for _ in range(int(line[1:])):
                self.reply()
        elif line[:1] == b"$" and line[1:2] != b"-":
            self.replies.read(int(line[1:]) + 2)
        elif line[:1] == b"-" or not line:
            sys.exit(f"the server answered {line!r}")

    def run(self, command, keys):
        for at in range(0, len(keys), PIPELINE):
            calls = [command.format(key).split("; ") for key in keys[at : at + PIPELINE]]
            self.send([line for call in calls for line in call])


def start(options, folder):
    path = os.path.join(folder, "socket")
    command = f"valgrind --tool=callgrind --callgrind-out-file={folder}/out {options.server} --port 0 --hz 1"
    command += f" --unixsocket {path} --dir {folder} --loadmodule {os.path.abspath(options.module)}"
    command += f" --appendonly {'yes' if options.appendonly else 'no'} --appendfsync no --enable-debug-command local"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen([*shlex.split(command), "--save", ""], **quiet)
    while True:
        try:
            return server, Client(path)
        except OSError:
            if server.poll() is not None:
                sys.exit(f"the server did not start: {command}")
            time.sleep(0.1)


def control(server, what):
    subprocess.run(["callgrind_control", what, str(server.pid)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def count(server, client, folder, command):
    client.send(["FLUSHALL"])
    client.run(MADE_BY.get(command, command), range(KEYS))
    dice = random.Random(1)
    keys = [dice.randrange(KEYS) for _ in range(CALLS)]
    known = set(glob.glob(f"{folder}/out*"))
    control(server, "--zero")
    client.run(command, keys)
    control(server, "--dump")
    (dump,) = set(glob.glob(f"{folder}/out*")) - known
    with open(dump) as lines:
        total = next(line for line in lines if line.startswith(("summary:", "totals:")))
    return int(total.split()[1]) / CALLS


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default=os.environ.get("REDIS_RL_SERVER", "redis-server"))
    parser.add_argument("--module", default="target/release/libredis_rl.so")
    parser.add_argument("--appendonly", action="store_true", help="with an AOF, so that each admission is written to it")
    options = parser.parse_args()
    too_much = False
    with tempfile.TemporaryDirectory(prefix="instructions-") as folder:
        server, client = start(options, folder)
        try:
            # Once a second a server fits a client's buffer to its replies: what they cost would depend on when they come.
            client.send(["DEBUG REPLYBUFFER RESIZING 0", *POLICIES])
            unit = count(server, client, folder, YARDSTICK)
            print(f"{unit:8,.0f}  1.00              {YARDSTICK}", flush=True)
            for what, command, most in COMMANDS:
                each = count(server, client, folder, command)
                ratio = each / unit
                verdict = "" if most is None or ratio <= most else f"  ABOVE {most}"
                too_much |= bool(verdict)
                print(f"{each:8,.0f}  {ratio:4.2f}  {what:10}  {command}{verdict}", flush=True)
        finally:
            server.kill()
            server.wait()
    sys.exit(too_much)


if __name__ == "__main__":
    main()
