"""Real servers with the module, each in a folder of its own that is gone afterwards."""

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from redis import Redis
from redis.exceptions import ConnectionError

SLOTS = 16384


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(what, holds, seconds=60):
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.02)


class Server:
    def __init__(self, program, module, *config):
        self.folder = Path(tempfile.mkdtemp(prefix="rl-clients-"))
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        command = [program, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder), "--save", "",
                   "--logfile", "server.log", *config, "--loadmodule", module]
        self.process = subprocess.Popen(command, cwd=self.folder, stdout=subprocess.DEVNULL)
        self.client = Redis(port=self.port, decode_responses=True)
        wait_until(f"the server answers: {self.folder}/server.log", self.answers)

    def answers(self):
        if self.process.poll() is not None:
            raise AssertionError((self.folder / "server.log").read_text())
        try:
            return self.client.ping()
        except ConnectionError:
            return False

    def info(self):
        return self.client.info("rl")

    def freeze(self):
        """It keeps its connections and answers nothing."""
        self.process.send_signal(signal.SIGSTOP)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Cluster:
    """Three primaries."""

    def __init__(self, program, module):
        self.nodes = []
        try:
            self.start(program, module)
        except BaseException:
            self.__exit__()
            raise

    def start(self, program, module):
        for _ in range(3):
            bus = str(free_port())
            self.nodes.append(Server(program, module, "--cluster-enabled", "yes", "--cluster-port", bus))
            self.nodes[-1].bus = bus
        share = SLOTS // 3 + 1
        for index, node in enumerate(self.nodes):
            node.client.execute_command("CLUSTER", "ADDSLOTSRANGE", index * share, min((index + 1) * share, SLOTS) - 1)
            node.client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", index + 1)
        for node in self.nodes[1:]:
            self.nodes[0].client.execute_command("CLUSTER", "MEET", "127.0.0.1", node.port, node.bus)
        wait_until("the cluster is whole", lambda: all(map(self.is_whole, self.nodes)))
        self.url = self.nodes[0].url

    def is_whole(self, node):
        # Every slot has an owner, and the node knows that the three nodes are the owners.
        owners = node.client.execute_command("CLUSTER", "SHARDS")
        return len(owners) == 3 and "cluster_state:ok" in node.client.execute_command("CLUSTER", "INFO")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for node in self.nodes:
            node.__exit__()
