"""Runs Envoy itself in front of a service, with the configurations in examples/envoy."""

import http.client
import http.server
import os
import pathlib
import threading
import time

import yaml

import programs

EXAMPLES = pathlib.Path(__file__).parents[4] / "examples" / "envoy"
TOKEN = "a-token-that-nobody-guesses"
# The shell lines of docs/envoy.md. The test does the same on other ports.
SHOWN = ["rl-coordinator --config examples/envoy/rl-coordinator.toml", "envoy -c examples/envoy/envoy.yaml",
         "curl -i -H 'x-user: ann' localhost:10000"]


class Service(http.server.BaseHTTPRequestHandler):
    """Answers that it has used as many tokens as the path says."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("x-tokens", self.path.strip("/") or "0")
        self.send_header("content-length", "3")
        self.end_headers()
        self.wfile.write(b"ok\n")

    def log_message(self, *_):
        pass


class Proxy:
    """Envoy, which asks at `rls`, configured by envoy.yaml or, with `istio`, by the patches in istio.yaml."""

    def __init__(self, service, rls, token=None, istio=False):
        self.port = programs.free_port()
        config = (EXAMPLES / "envoy.yaml").read_text()
        changes = [("port_value: 10000", f"port_value: {self.port}"), ("port_value: 8081", f"port_value: {rls}"),
                   ("port_value: 8000", f"port_value: {service}")]
        if token:
            changes.append(('# initial_metadata: [{ key: authorization, value: "Bearer ..." }]',
                            f'initial_metadata: [{{ key: authorization, value: "Bearer {token}" }}]'))
        for old, new in changes:
            assert old in config, old
            config = config.replace(old, new)
        if istio:
            config = yaml.dump(patched(yaml.safe_load(config), rls, token))
        path = programs.WORK / f"envoy-{self.port}.yaml"
        path.write_text(config)
        self.program = programs.start("envoy", os.environ["ENVOY"], "-c", str(path), "--use-dynamic-base-id",
                                      "--concurrency", "1")
        programs.until("Envoy listens", self.is_ready)

    def is_ready(self):
        assert self.program.poll() is None, self.program.log.read_text()
        try:
            return self.get()[0] == 200  # no rule matches it
        except OSError:
            return False

    def get(self, user=None, path="/"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", path, headers={"x-user": user} if user else {})
        answer = connection.getresponse()
        fields = {name.lower(): value for name, value in answer.getheaders()}
        answer.read()
        connection.close()
        return answer.status, fields


def patched(config, rls, token):
    """The configuration as Istio would patch it."""
    text = (EXAMPLES / "istio.yaml").read_text()
    for old, new in (("rl-coordinator.limits.svc.cluster.local", "127.0.0.1"), ("port_value: 8081", f"port_value: {rls}"),
                     ("the-token-of-the-gateway", token)):
        assert old in text, old
        text = text.replace(old, new)
    patches = {patch["applyTo"]: patch["patch"]["value"] for patch in yaml.safe_load(text)["spec"]["configPatches"]}
    static = config["static_resources"]
    static["clusters"] = [patches["CLUSTER"], *(cluster for cluster in static["clusters"] if cluster["name"] == "service")]
    manager = static["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    manager["http_filters"][0] = patches["HTTP_FILTER"]
    [host] = manager["route_config"]["virtual_hosts"]
    host.update(patches["VIRTUAL_HOST"])
    return config


def main():
    page = (EXAMPLES.parents[1] / "docs" / "envoy.md").read_text().splitlines()
    assert [line.split("   ")[0] for line in page if line.split(" ")[0] in ("rl-coordinator", "envoy", "curl")] == SHOWN
    service = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=service.serve_forever, daemon=True).start()
    port = service.server_port
    rules = (EXAMPLES / "rl-coordinator.toml").read_text().replace("127.0.0.1:8081", "127.0.0.1:0")
    tokens = f'[[token]]\nname = "envoy"\ntoken = "{TOKEN}"\nprefixes = ["envoy:shop:"]\n'

    embedded = programs.Coordinator(rules)
    redis = programs.Redis()
    on_redis = programs.Coordinator(tokens + rules, "--redis", f"redis://127.0.0.1:{redis.port}")
    at = [coordinator.envoy.split(":")[1] for coordinator in (embedded, on_redis)]
    proxies = {"embedded": Proxy(port, at[0]), "redis": Proxy(port, at[1], TOKEN)}
    without_token = Proxy(port, at[1])
    by_istio = programs.Coordinator(tokens + rules)
    proxy_of_istio = Proxy(port, by_istio.envoy.split(":")[1], TOKEN, istio=True)

    def limited(proxy):
        began = time.monotonic()
        for remaining in (2, 1, 0):
            status, fields = proxy.get("ann")
            assert status == 200 and fields["x-ratelimit-remaining"] == str(remaining), (status, fields)
            assert fields["x-ratelimit-limit"].startswith("3"), fields
            assert fields["x-ratelimit-reset"] in ("9", "10"), fields
        status, fields = proxy.get("ann")
        assert status == 429 and fields["x-envoy-ratelimited"] == "true", (status, fields)
        assert fields["x-ratelimit-remaining"] == "0", fields
        wait = int(fields["retry-after"])
        assert 1 <= wait <= 10, fields
        assert proxy.get("bob")[0] == 200, "another user"
        assert proxy.get()[0] == 200, "nobody"
        time.sleep(wait)
        assert proxy.get("ann")[0] == 200, "after the time that it was told to wait"
        assert time.monotonic() - began < 30, "this machine is too slow for this to say anything"

    def burst(proxy):
        codes = [proxy.get("batch")[0] for _ in range(21)]
        assert codes[:20] == [200] * 20, codes

    def tokens_of(proxy):
        assert proxy.get("tom", "/600")[0] == 200
        assert proxy.get("tom", "/900")[0] == 200, "600 are gone, which leaves some"

        def is_denied():  # the count after a response may take a moment
            status, fields = proxy.get("tom", "/0")
            return status == 429 and int(fields["retry-after"]) > 10
        programs.until("1500 of 1000 tokens deny the next request", is_denied, 20)
        assert proxy.get("tam", "/0")[0] == 200, "another user"

    def no_token():
        assert without_token.get("zoe")[0] == 500, "it is refused, and Envoy lets no request pass"

    def back_end_down():
        assert proxies["redis"].get("eve")[0] == 200
        redis.end()
        assert proxies["redis"].get("eve")[0] == 500
        programs.until("health checks fail", lambda: "NOT_SERVING" in health(on_redis.envoy), 20)

    def ends():
        for coordinator in (embedded, on_redis, by_istio):
            coordinator.end()
        assert proxies["embedded"].get("eve")[0] == 500, "no program answers Envoy"

    checks = []
    for name, proxy in proxies.items():
        for check in (limited, burst, tokens_of):
            label = f"Envoy with {name}: {check.__name__.replace('_', ' ')}"
            checks.append((label, lambda check=check, proxy=proxy: check(proxy)))
    checks += [("Envoy with the patches for Istio: limited", lambda: limited(proxy_of_istio)),
               ("Envoy without a token", no_token), ("Envoy with redis: back end down", back_end_down),
               ("they end as they should", ends)]
    programs.run_all(checks)


def health(address):
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc
    with grpc.insecure_channel(address) as channel:
        answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
    return health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)


if __name__ == "__main__":
    main()
