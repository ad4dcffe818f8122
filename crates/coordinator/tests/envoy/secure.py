"""Envoy's rate limit service with TLS, certificates of clients and tokens."""

import subprocess

import grpc
from envoy.service.ratelimit.v3 import rls_pb2, rls_pb2_grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

import client
import programs

ENVOY = """
[envoy]
listen = "127.0.0.1:0"
[[envoy.rule]]
domain = "shop"
descriptor = [{ key = "user" }]
limit = 3
window = "1h"
[[envoy.rule]]
domain = "bank"
descriptor = [{ key = "user" }]
limit = 3
window = "1h"
[[envoy.rule]]
domain = "shop:envoy"
descriptor = [{ key = "user" }]
limit = 3
window = "1h"
"""
ALL, SHOP = "the-token-for-all-of-them", "the-token-for-the-shop"
TOKENS = f"""
[[token]]
name = "all"
token = "{ALL}"
[[token]]
name = "shop"
token = "{SHOP}"
prefixes = ["envoy:shop:"]
"""


def openssl(*words):
    subprocess.run(["openssl", *words], cwd=programs.WORK, check=True, capture_output=True)


def certificates():
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=tests", "-keyout", "ca.key",
            "-out", "ca.pem", "-addext", "basicConstraints=critical,CA:TRUE")
    for name in "server", "client":
        (programs.WORK / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        openssl("x509", "-req", "-days", "2", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-extfile", "names", "-out", f"{name}.pem")
    return [(programs.WORK / name).read_bytes() for name in ("ca.pem", "client.key", "client.pem")]


def ask(channel, domain="shop", token=None):
    request = rls_pb2.RateLimitRequest(domain=domain, descriptors=[client.descriptor(("user", client.new()))])
    metadata = [("authorization", token)] if token else None
    return rls_pb2_grpc.RateLimitServiceStub(channel).ShouldRateLimit(request, timeout=10, metadata=metadata)


def refuses(code, *arguments, **options):
    try:
        answer = ask(*arguments, **options)
    except grpc.RpcError as error:
        assert error.code() == code, (error.code(), error.details())
    else:
        raise AssertionError(f"answered {answer}")


def main():
    ca, key, chain = certificates()
    tls = f'[tls]\ncert = "{programs.WORK}/server.pem"\nkey = "{programs.WORK}/server.key"\n'
    mutual = f'client_ca = "{programs.WORK}/ca.pem"\n'
    with_tokens = programs.Coordinator(TOKENS + ENVOY)
    with_tls = programs.Coordinator(TOKENS + tls + ENVOY)
    with_certificates = programs.Coordinator(tls + mutual + ENVOY)
    coordinators = with_tokens, with_tls, with_certificates
    denied, unavailable = grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAVAILABLE

    def tokens(channel=None):
        channel = channel or grpc.insecure_channel(with_tokens.envoy)
        for token in f"Bearer {ALL}", f"Bearer {SHOP}", f"bearer {SHOP}":
            assert ask(channel, token=token).statuses[0].limit_remaining == 2
        for wrong in None, SHOP, f"Bearer {SHOP}x", "Bearer ", f"Basic {SHOP}":
            refuses(grpc.StatusCode.UNAUTHENTICATED, channel, token=wrong)
        for other in "bank", "shop:envoy":
            refuses(denied, channel, domain=other, token=f"Bearer {SHOP}")
            assert ask(channel, domain=other, token=f"Bearer {ALL}").statuses[0].limit_remaining == 2
        health = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
        assert health.status == health_pb2.HealthCheckResponse.SERVING

    def channel_of(coordinator, *identity):
        credentials = grpc.ssl_channel_credentials(ca, *identity)
        return grpc.secure_channel(coordinator.envoy.replace("127.0.0.1", "localhost"), credentials)

    def tls_and_tokens():
        tokens(channel_of(with_tls))
        refuses(unavailable, grpc.insecure_channel(with_tls.envoy), token=f"Bearer {ALL}")

    def certificates_of_clients():
        assert ask(channel_of(with_certificates, key, chain)).statuses[0].limit_remaining == 2
        refuses(unavailable, channel_of(with_certificates))

    checks = [("tokens", tokens), ("TLS and tokens", tls_and_tokens), ("certificates of clients", certificates_of_clients)]
    checks += [("they end as they should", lambda: [coordinator.end() for coordinator in coordinators])]
    programs.run_all(checks)


if __name__ == "__main__":
    main()
