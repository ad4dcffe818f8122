"""What is asked about the files once they are loaded: first what changes nothing, then what does."""

import time

from limits import BINARY, DECADE, FIXED, LONG
from resp import as_bytes

# What RL.INFO tells that no later version may tell otherwise. `bytes` may change.
TOLD = {b"algorithm", b"policy", b"parameters", b"used", b"remaining", b"reservations"}


def keys(client):
    """All keys of all databases, sorted."""
    found = {}
    for db in range(16):
        client.do("SELECT", db)
        if client.do("DBSIZE"):
            found[db] = sorted(client.do("KEYS", "*"))
    client.do("SELECT", 0)
    return found


def ask(client, pause):
    """Questions and replies, with a pause (seconds) before each."""

    def one(*words):
        words = [as_bytes(word) for word in words]
        time.sleep(pause)
        reply = client.ask(*words)
        if words[0] == b"RL.INFO" and reply is not None:
            pairs = zip(reply[::2], reply[1::2])
            reply = [part for pair in pairs if pair[0] in TOLD for part in pair]
        return words, reply

    def line(words):
        return one(*words.split())

    known = keys(client)
    yield from policies(client, one)
    for db, names in known.items():
        yield one("SELECT", db)
        yield one("DBSIZE")
        for key in names:
            yield one("DEBUG", "DIGEST-VALUE", key)
            yield one("PEXPIRETIME", key)
            yield one("RL.INFO", key)
            yield one("RL.PEEK", key)
            yield one("RL.PEEK", key, "COST", 60)
    yield one("DEBUG", "DIGEST")
    yield one("SELECT", 0)
    yield from map(line, CHANGES)
    yield one("RL.CANCEL", "quota:policy", BINARY)
    yield from (one("RL.INFO", key) for key in known[0])
    yield one("SELECT", 3)
    yield line("RL.SETTLE quota:policy call-1 COST tokens 1")
    yield line("RL.SLIDE slide:short 70 3650d")
    yield one("SELECT", 9)
    for key in BINARY, LONG, b"":
        yield one("RL.BUCKET", key, 9, 1, "3650d", "COST", 4)


def policies(client, one):
    yield one("RL.POLICY", "LIST")
    for name in client.do("RL.POLICY", "LIST"):
        yield one("RL.POLICY", "GET", name)


CHANGES = f"""
RL.SETTLE quota:spelled three COST tokens 1
RL.SETTLE quota:spelled three
RL.CANCEL quota:spelled one
RL.QUOTA quota:spelled LIMIT s 100 3650d RESERVE 3650d ID four
RL.CANCEL quota:spelled four
RL.SETTLE quota:copied three COST tokens 80
RL.PEEK quota:copied
RL.QUOTA quota:policy POLICY model COST tokens 9 RESERVE 3650d ID call-2
RL.SETTLE quota:policy call-2 COST tokens 600 COST requests 1
RL.RENEW quota:policy call-4 3650d
RL.CANCEL quota:policy call-4
RL.SETTLE quota:policy both COST tokens 50
RL.SETTLE quota:org both COST cents 10
RL.PEEK quota:policy
RL.QUOTA quota:policy POLICY model COST tokens 100 RESERVE 3650d ID call-6
RL.QUOTA quota:policy POLICY model COST tokens 90000 RESERVE 3650d
RL.QUOTA quota:deleted POLICY deleted RESERVE 3650d ID kept
RL.QUOTA quota:deleted POLICY deleted RESERVE 3650d ID more
RL.SETTLE quota:deleted kept
RL.QUOTA quota:replaced POLICY replaced
RL.SETTLE quota:retired second COST requests 0
RL.QUOTA quota:retired LIMIT a 10 3650d LIMIT b 40 3640d UNIT tokens LIMIT c 5 INFLIGHT COST tokens 1 RESERVE 3650d ID third
RL.CANCEL quota:algorithms s
RL.CANCEL quota:algorithms w
RL.CANCEL quota:algorithms b
RL.SETTLE quota:past gone
RL.QUOTA quota:past LIMIT s 10 3650d LIMIT n 2 INFLIGHT RESERVE 3650d ID gone
RL.QUOTA quota:numbers LIMIT s 10 3650d LIMIT w 10 {FIXED} LIMIT b 1 3650d BUCKET 20
RL.SETTLE quota:ahead id3 COST tokens 1
RL.SETTLE quota:ahead id4 COST tokens 9
RL.CANCEL quota:ahead id5
RL.CANCEL quota:ahead id6
RL.PEEK quota:ahead
RL.CANCEL multi:quota m
RL.SLIDE slide:short 100 3650d COST 90
RL.SLIDE slide:short 100 3650d COST 90
RL.SLIDE slide:limit 100 3650d COST 39
RL.SLIDE slide:longer 50 3650d COST 21
RL.SLIDE slide:longer 50 3650d COST 20
RL.SLIDE slide:empty 5 3650d COST 5
RL.SLIDE slide:dense 100000 1m COST 3
RL.SLIDE slide:dense 3000 10s COST 3000
RL.SLIDE slide:merged 20000 1m COST 100
RL.SLIDE slide:merged 20000 1m COST 15000
RL.SLIDE slide:merged:longer 20000 1h
RL.SLIDE slide:merged:longer 2000 1h COST 1999
RL.REFUND slide:merged 50
RL.REFUND slide:limit 50
RL.WINDOW window:span 100 {DECADE} COST 94
RL.WINDOW window:span 100 {DECADE} COST 95
RL.WINDOW window:two 100 {DECADE} COST 5
RL.WINDOW window:month 500 1mo
RL.WINDOW window:month:two 500 1mo
RL.WINDOW window:month:two 400 1d OFFSET 1h
RL.WINDOW window:month:offset 500 1mo OFFSET -1h COST 494
RL.REFUND window:day 3
RL.BUCKET bucket:whole 100 1 3650d COST 96
RL.BUCKET bucket:whole 100 1 3650d COST 97
RL.BUCKET bucket:two 100 1 3650d
RL.BUCKET bucket:minute 50 8.33 1m COST 9
RL.BUCKET bucket:minute 50 8.33 1m COST 9
RL.BUCKET bucket:fine 50 0.00625 1m COST 9
RL.REFUND bucket:decimal 4
RL.SLIDE bucket:whole 1 1
""".strip().splitlines()
