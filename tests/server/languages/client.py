#!/usr/bin/env python3
"""Clients in Python: client.py SOCKET ORDERS, see languages.rs."""

import collections
import socket
import sys
import threading
import time


def encode(command):
    words = command.encode().split()
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


def reply(replies):
    line = replies.readline()
    kind, rest = line[:1], line[1:-2]
    if kind == b"*":
        return [reply(replies) for _ in range(int(rest))]
    if kind == b"$":
        return replies.read(int(rest) + 2) if int(rest) >= 0 else None
    if kind == b":":
        return int(rest)
    raise ValueError(f"the server answered {line!r}")


def client(orders):
    stream = socket.socket(socket.AF_UNIX)
    stream.connect(sys.argv[1])
    replies = stream.makefile("rb")
    for number, pause, arrival, request in orders:
        time.sleep(int(pause) / 1000)
        stream.sendall(encode(arrival) + encode(request))
        reply(replies)
        allowed = reply(replies)[0]
        sys.stdout.write(f"{number} {allowed}\n")


def main():
    orders = collections.defaultdict(list)
    with open(sys.argv[2]) as lines:
        for number, line in enumerate(lines):
            name, *order = line.rstrip("\n").split("|")
            orders[name].append((number, *order))
    threads = [threading.Thread(target=client, args=(each,)) for each in orders.values()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


main()
