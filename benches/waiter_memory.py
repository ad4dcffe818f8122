#!/usr/bin/env python3
"""Measures how many bytes of `used_memory` 10,000 waiters take beyond what their idle connections take.

    benches/waiter_memory.py [--server redis-server] [--module target/release/libredis_rl.so]

Each case runs on a new server. The bytes include those that the server keeps for a blocked client, so BLPOP is measured, too.
It needs Python's standard library only.
"""

import time

from server import Server, allow_many_connections, encode, parser

WAITERS = 10_000
SETTLED = 7  # seconds after which the server has shrunk the buffers of idle clients
CASES = {
    "BLPOP": "BLPOP k 300",
    "RL.SLIDE, one key": "RL.SLIDE k 1 1h WAIT 300",
    "the same with FLOW, one flow": "RL.SLIDE k 1 1h WAIT 300 FLOW tenant",
    "the same with FLOW, a flow for each waiter": "RL.SLIDE k 1 1h WAIT 300 FLOW tenant-{:05}",
    "RL.QUOTA by POLICY, one key": "RL.QUOTA k POLICY p WAIT 300",
    "the same with FLOW and WEIGHT, a flow for each waiter ": "RL.QUOTA k POLICY p WAIT 300 FLOW tenant-{:05} WEIGHT 5",
}


def measure(options, line):
    """Returns the bytes of a waiter."""
    with Server(options, "--maxclients 20000", peers=False) as server:
        server.ask(*"RL.POLICY SET p LIMIT a 1 1h".split())
        server.ask(*("RPUSH other 1" if "BLPOP" in line else line.split(" WAIT")[0]).split())
        clients = [server.connect() for _ in range(WAITERS)]
        for client in clients:
            client.sendall(encode(["PING"]))
            client.recv(64)
        time.sleep(SETTLED)
        before = int(server.info()["used_memory"])
        for number, client in enumerate(clients):
            client.sendall(encode(line.format(number).split()))
        while int(server.info()["blocked_clients"]) < WAITERS:
            time.sleep(0.05)
        time.sleep(SETTLED)
        return (int(server.info()["used_memory"]) - before) / WAITERS


def main():
    options = parser(__doc__).parse_args()
    allow_many_connections()
    for name, line in CASES.items():
        print(f"{measure(options, line):7.0f} bytes  {name}", flush=True)


if __name__ == "__main__":
    main()
