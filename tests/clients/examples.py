"""Each example by itself: every item is told, in RESP2 and RESP3, in a cluster, and with Redis away."""

import os
import re
import subprocess

from server import Cluster, Server, free_port, wait_until

# The lines that an example prints, in any language.
MS = r"\d+"
TOLD = [
    "slide: admitted, 2 of 3 left",
    "slide: admitted, 1 of 3 left",
    "slide: admitted, 0 of 3 left",
    f"slide: denied, ask again in ({MS}) ms",
    "bucket: admitted, 1 of 2 left",
    "bucket: admitted, 0 of 2 left",
    f"bucket: denied, ask again in ({MS}) ms",
    "quota: large takes it",
    r"quota: large is full \(tpm\)",
    "quota: small takes it",
    "settle: 800 tokens used",
    "quota: large takes it",
    "settle: 3000 tokens used",
    "settle: 4200 tokens used",
    f"wait: admitted after ({MS}) ms in line",
    "away, fail open: admitted",
    "away, fail closed: refused",
]
# How many commands of each kind an example sends to the server, by result.
COUNTED = {"rl_slide_admitted": 5, "rl_slide_denied": 1, "rl_bucket_admitted": 2, "rl_bucket_denied": 1,
           "rl_quota_admitted": 3, "rl_quota_denied": 1, "rl_settle_calls": 3, "rl_waiters_granted": 1}


def start(program, url, protocol, cluster, away):
    """An example that is told all by its environment."""
    environment = {**os.environ, "REDIS_URL": url, "REDIS_PROTOCOL": str(protocol), "REDIS_AWAY_URL": away,
                   "REDIS_CLUSTER": "yes" if cluster else ""}
    return subprocess.Popen(program.limits, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finish(example, what):
    out, err = example.communicate(timeout=120)
    lines = out.splitlines()
    told = [re.fullmatch(expected, line) for expected, line in zip(TOLD, lines)]
    if example.returncode != 0 or len(lines) != len(TOLD) or not all(told):
        raise AssertionError(f"{what} ends with {example.returncode} and tells\n{out}\n{err}")
    slide, bucket, waited = [int(match[1]) for match in told if match.groups()]
    assert 0 < slide <= 60_000 and 0 < bucket <= 60_000, (what, slide, bucket)
    # This is the line of a window of 3 s that was full when the wait began. The reply takes some of that
    # time.
    assert waited > 1_000, f"{what} has waited {waited} ms only"


def check_server(program, protocol, server, away, what):
    with server:
        example = start(program, server.url, protocol, cluster=False, away=away)
        try:
            spoken = []

            def is_in_line():
                if server.info().get("rl_waiting_high") == 1:
                    others = [each for each in server.client.client_list() if each["cmd"].upper().startswith("RL.")]
                    spoken.extend(int(each["resp"]) for each in others)
                return spoken or example.poll() is not None

            wait_until(f"{what} is in line", is_in_line, seconds=120)
            finish(example, what)
        finally:
            example.kill()
        assert spoken and set(spoken) == {protocol}, f"{what} speaks RESP{spoken}"
        told = {field: server.info()[field] for field in COUNTED}
        assert told == COUNTED, f"{what}: {told}"
        print(f"  {what}: ok")


def check_cluster(program, protocol, cluster, what):
    """The keys of the example lie on several nodes; none of its requests was lost or counted twice."""
    before = [node.info() for node in cluster.nodes]
    example = start(program, cluster.url, protocol, cluster=True, away=f"redis://127.0.0.1:{free_port()}")
    try:
        finish(example, what)
    finally:
        example.kill()
    after = [node.info() for node in cluster.nodes]
    told = {field: sum(b[field] - a[field] for a, b in zip(before, after)) for field in COUNTED}
    assert told == COUNTED, f"{what}: {told}"
    moved = sum(int(node.client.info("errorstats").get("errorstat_MOVED", {"count": 0})["count"]) for node in cluster.nodes)
    for node in cluster.nodes:
        node.client.config_resetstat()
    print(f"  {what}: ok, sent elsewhere {moved} times")


def run_alone(programs, server_program, module):
    new = lambda: Server(server_program, module)
    print("each example, Redis away as a closed port and as a server that does not answer:")
    with new() as frozen:
        frozen.freeze()
        for program in programs:
            for protocol in program.protocols:
                away = f"redis://127.0.0.1:{free_port()}" if protocol == 2 else frozen.url
                check_server(program, protocol, new(), away, f"{program.name}, RESP{protocol}")
            if len(program.protocols) == 1:
                check_server(program, 2, new(), frozen.url, f"{program.name}, a server that does not answer")


def run_in_cluster(programs, server_program, module):
    print("each example in a cluster:")
    with Cluster(server_program, module) as cluster:
        for program in programs:
            if program.cluster:
                for protocol in program.protocols:
                    check_cluster(program, protocol, cluster, f"{program.name}, RESP{protocol}, cluster")
        took_part = [node.info()["rl_slide_admitted"] > 0 for node in cluster.nodes]
        assert all(took_part), "all keys were on the same node"
