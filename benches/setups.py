"""The setups in which commands are counted: a server alone, one with an AOF, one with a replica, and one node of a cluster.

A server that is alone has no reader: nothing takes what a command changes. An AOF and a replica are readers. Each setup has its
own figure for SET, because SET also pays for them.
"""

import contextlib
import socket
import time

from server import Server


class Setup:
    """`title` follows the name of a command in tables. `more` are options of the server."""

    def __init__(self, title, more="", port=False, ready=None):
        self.title, self.more, self.port, self.ready = title, more, port, ready

    def of(self, command):
        """Returns the title of the command in this setup."""
        return f"{command.title}, {self.title}" if self.title else command.title

    @contextlib.contextmanager
    def started(self, options, more="", under=""):
        """Starts a server in this setup."""
        port = f"--port {free_port()} --cluster-port {free_port()}" if self.port else ""
        with Server(options, f"--appendonly no {self.more} {port} {more}", under) as server, contextlib.ExitStack() as others:
            if self.ready:
                self.ready(server, options, others)
            yield server


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(what, holds):
    end = time.time() + 60
    while not holds():
        if time.time() > end:
            raise SystemExit(f"after a minute there is still no {what}")
        time.sleep(0.05)


def attach_replica(server, options, others):
    """Starts a replica of the server. It runs on its own, outside of valgrind."""
    (port,) = server.ask("CONFIG", "GET", "port")[1:]
    replica = others.enter_context(Server(options, f"--replicaof 127.0.0.1 {port.decode()}"))
    wait_for("replica", lambda: replica.info().get("master_link_status") == "up" and "state=online" in server.info().get("slave0", ""))


def take_all_slots(server, options, others):
    server.ask("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
    wait_for("cluster", lambda: b"cluster_state:ok" in server.ask("CLUSTER", "INFO"))


ALONE = Setup("")
AOF = Setup("with an AOF", "--appendonly yes --appendfsync no")
REPLICA = Setup("with a replica", "--repl-diskless-sync-delay 0", port=True, ready=attach_replica)
CLUSTER = Setup("in a cluster", "--cluster-enabled yes --cluster-config-file nodes.conf", port=True, ready=take_all_slots)
ALL = {"alone": ALONE, "aof": AOF, "replica": REPLICA, "cluster": CLUSTER}
# Those that the tables compare with a server alone.
COMPARED = [AOF, REPLICA, CLUSTER]
