"""The Kubernetes example does not only fit the schemas: a server starts with the configuration in it, and has its policies.

    run.py --server redis-server --module libredis_rl.so
"""

import argparse
import re
import socket
import subprocess
import tempfile
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
MODULE = "/usr/local/lib/redis/libredis_rl.so"


def of_kind(documents, kind):
    return [document for document in documents if document["kind"] == kind]


def consistent(documents):
    """What schemas do not see: names that one part uses and another one gives."""
    (pods,) = of_kind(documents, "StatefulSet")
    (config,) = of_kind(documents, "ConfigMap")
    template = pods["spec"]["template"]
    labels = template["metadata"]["labels"]
    assert pods["spec"]["selector"]["matchLabels"].items() <= labels.items()
    services = {service["metadata"]["name"]: service["spec"] for service in of_kind(documents, "Service")}
    assert services[pods["spec"]["serviceName"]]["clusterIP"] == "None", "a StatefulSet needs a headless service"
    (server,) = template["spec"]["containers"]
    ports = {port["name"] for port in server["ports"]}
    for service in services.values():
        assert service["selector"].items() <= labels.items()
        assert {port["targetPort"] for port in service["ports"]} <= ports
    volumes = {volume["name"]: volume for volume in template["spec"]["volumes"]}
    claims = {claim["metadata"]["name"] for claim in pods["spec"]["volumeClaimTemplates"]}
    mounts = {mount["mountPath"]: mount["name"] for mount in server["volumeMounts"]}
    assert set(mounts.values()) <= volumes.keys() | claims
    assert mounts["/data"] in claims, "what is written to /data outlives the pod"
    assert volumes[mounts["/etc/redis-rl"]]["configMap"]["name"] == config["metadata"]["name"]
    assert server["args"][0].removeprefix("/etc/redis-rl/") in config["data"]
    assert f"loadmodule {MODULE}" in config["data"]["redis.conf"]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert server[probe]["exec"]["command"] == ["/usr/local/lib/redis/healthcheck.sh"], probe
    limit = int(server["resources"]["limits"]["memory"].removesuffix("Mi"))
    assert int(re.search(r"^maxmemory (\d+)mb$", config["data"]["redis.conf"], re.M)[1]) <= limit / 2
    return config["data"]


def start(data, folder, options):
    for name, text in data.items():
        text = text.replace(MODULE, options.module).replace("/etc/redis-rl", folder).replace("dir /data", f"dir {folder}")
        Path(folder, name).write_text(text)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    command = [options.server, f"{folder}/redis.conf", "--requirepass", "secret", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    log = []
    for line in process.stdout:
        log.append(line)
        if "Ready to accept connections" in line:
            return process, port
    raise SystemExit("test-kubernetes: the server does not start\n" + "".join(log))


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--server", required=True)
    arguments.add_argument("--module", required=True)
    options = arguments.parse_args()
    documents = list(yaml.safe_load_all((ROOT / "examples/kubernetes/redis-rl.yaml").read_text()))
    data = consistent(documents)
    with tempfile.TemporaryDirectory() as folder:
        process, port = start(data, folder, options)
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=60) as server:
                server.sendall(b"AUTH secret\r\nRL.QUOTA q POLICY claude-sonnet COST tokens 500\r\nQUIT\r\n")
                reply = server.makefile("rb").read().decode()
        finally:
            process.terminate()
            process.wait()
    assert reply.startswith("+OK\r\n*4\r\n:1\r\n"), reply
    assert "tpm" in reply and ":79500" in reply, reply
    print(f"{len(documents)} objects fit the schemas and each other; a server starts with their configuration")


if __name__ == "__main__":
    main()
