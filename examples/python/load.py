"""A client of `make test-clients`. It repeats a command and prints what it saw, as tests/clients/README.md says."""

import json
import os
import random
import sys
import time

from redis import Redis


def shape(reply):
    if isinstance(reply, list):
        return "[" + ",".join(map(shape, reply)) + "]"
    return {int: "int", str: "string", type(None): "nil"}[type(reply)]


def main():
    seconds, pause_ms, command = float(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    r = Redis.from_url(os.environ["REDIS_URL"], protocol=int(os.environ["REDIS_PROTOCOL"]),
                       socket_timeout=90, decode_responses=True)
    r.ping()
    print("ready", flush=True)
    sys.stdin.readline()

    admitted = denied = settled = 0
    shapes = set()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        reply = r.execute_command(*command)
        shapes.add(shape(reply))
        if reply[0] == 1:
            admitted += 1
        else:
            denied += 1
        if command[0] == "RL.QUOTA" and reply[4] is not None:
            settled += r.execute_command("RL.SETTLE", command[1], reply[4], "COST", "tokens", 40)
        if pause_ms:
            time.sleep(random.randint(0, pause_ms) / 1000)
    print(json.dumps({"admitted": admitted, "denied": denied, "settled": settled, "shapes": sorted(shapes)}))


main()
