"""Asks Envoy's rate limit service on each back end, with a client that is generated from Envoy's public description (the
package xds-protos)."""

import itertools
import time

import grpc
from envoy.extensions.common.ratelimit.v3 import ratelimit_pb2
from envoy.service.ratelimit.v3 import rls_pb2, rls_pb2_grpc
from envoy.type.v3 import ratelimit_unit_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc

import programs

OK, OVER = rls_pb2.RateLimitResponse.OK, rls_pb2.RateLimitResponse.OVER_LIMIT
Unit = rls_pb2.RateLimitResponse.RateLimit
HOUR = 3600

CONFIG = """
[envoy]
listen = "127.0.0.1:0"
response_headers = true

[[envoy.rule]]
domain = "shop"
descriptor = [{ key = "user" }]
name = "per-user"
limit = 3
window = "1h"

[[envoy.rule]]
domain = "shop"
descriptor = [{ key = "user", value = "vip" }]
limit = 5
window = "1m"

[[envoy.rule]]
domain = "shop"
descriptor = [{ key = "user", value = "root" }]
unlimited = true

[[envoy.rule]]
domain = "shop"
descriptor = [{ key = "user", value = "banned" }]
limit = 0
window = "1d"

[[envoy.rule]]
domain = "shop"
descriptor = [{ key = "path", value = "/a" }, { key = "user" }]
limit = 2
window = "1d"
algorithm = "window"

[[envoy.rule]]
domain = "shop"
descriptor = [{ key = "path" }, { key = "user", value = "vip" }]
limit = 7
window = "10s"
algorithm = "bucket"
capacity = 4

[[envoy.rule]]
domain = "shop"
descriptor = [{ key = "a" }, { key = "b" }]
limit = 1
window = "1h"

[[envoy.rule]]
domain = "shop"
descriptor = [{ key = "shadow" }]
limit = 1
window = "1h"
shadow_mode = true

[[envoy.rule]]
domain = "shop"
descriptor = [{ key = "policy" }]
policy = "both"

[[envoy.rule]]
domain = "shop"
descriptor = [{ key = "tokens" }]
limit = 1000
window = "1h"
overdraw = true

[[envoy.rule]]
domain = "shop"
descriptor = [{ key = "tokens_by_window" }]
limit = 1000
window = "1d"
algorithm = "window"
overdraw = true

[[envoy.rule]]
domain = "shop"
descriptor = [{ key = "tokens_by_bucket" }]
limit = 1000
capacity = 500
window = "1h"
algorithm = "bucket"
overdraw = true
"""

POLICIES = """
[policy.both]
burst = { limit = 3, window = "1h" }
day   = { limit = 4, window = "1d" }
"""

numbers = itertools.count()


def new(what="v"):
    """A value that no other check uses."""
    return f"{what}{next(numbers)}"


def descriptor(*entries, hits=None, limit=None):
    made = ratelimit_pb2.RateLimitDescriptor()
    for key, value in entries:
        made.entries.add(key=key, value=value)
    if hits is not None:
        made.hits_addend.value = hits
    if limit is not None:
        made.limit.requests_per_unit, made.limit.unit = limit
    return made


class Checks:
    def __init__(self, coordinator):
        self.coordinator = coordinator
        self.channel = grpc.insecure_channel(coordinator.envoy)
        self.stub = rls_pb2_grpc.RateLimitServiceStub(self.channel)

    def ask(self, *descriptors, domain="shop", hits=0, metadata=None):
        request = rls_pb2.RateLimitRequest(domain=domain, descriptors=descriptors, hits_addend=hits)
        return self.stub.ShouldRateLimit(request, timeout=10, metadata=metadata)

    def refuses(self, code, *descriptors, **options):
        try:
            answer = self.ask(*descriptors, **options)
        except grpc.RpcError as error:
            assert error.code() == code, (error.code(), error.details())
            return error.details()
        raise AssertionError(f"answered {answer}")

    def codes(self, count, *descriptors, **options):
        return [self.ask(*descriptors, **options).overall_code for _ in range(count)]

    def check_over_limit_at_the_exact_count(self):
        user = descriptor(("user", new()))
        for remaining in (2, 1, 0):
            answer = self.ask(user)
            [status] = answer.statuses
            assert (answer.overall_code, status.code, status.limit_remaining) == (OK, OK, remaining), answer
            limit = status.current_limit
            assert (limit.name, limit.requests_per_unit, limit.unit) == ("per-user", 3, Unit.HOUR), limit
            assert HOUR - 10 < status.duration_until_reset.ToSeconds() <= HOUR, status
            fields = {field.key: field.value for field in answer.response_headers_to_add}
            assert fields == {"ratelimit-limit": "3", "ratelimit-remaining": str(remaining),
                              "ratelimit-reset": str(HOUR)}, fields
        answer = self.ask(user)
        [status] = answer.statuses
        assert (answer.overall_code, status.code, status.limit_remaining) == (OVER, OVER, 0), answer
        fields = {field.key: field.value for field in answer.response_headers_to_add}
        assert HOUR - 10 < int(fields["retry-after"]) <= HOUR, fields
        assert self.ask(descriptor(("user", new()))).overall_code == OK, "each value is counted apart"

    def check_a_value_goes_before_any_value(self):
        [status] = self.ask(descriptor(("user", "vip"))).statuses
        assert (status.current_limit.requests_per_unit, status.current_limit.unit) == (5, Unit.MINUTE)
        assert status.current_limit.name == "shop/user=vip"
        assert 55 < status.duration_until_reset.ToSeconds() <= 60
        [status] = self.ask(descriptor(("user", "root"))).statuses
        assert (status.code, status.limit_remaining) == (OK, 2**32 - 1) and not status.HasField("current_limit")
        answer = self.ask(descriptor(("user", "banned")))
        assert answer.overall_code == OVER and answer.statuses[0].current_limit.unit == Unit.DAY

    def check_nested_entries(self):
        user = new()
        assert self.codes(3, descriptor(("path", "/a"), ("user", user))) == [OK, OK, OVER]
        [status] = self.ask(descriptor(("path", "/a"), ("user", user))).statuses
        left = 86400 - time.time() % 86400  # windows are aligned to the clock, as in Envoy's own service
        assert abs(status.duration_until_reset.ToNanoseconds() / 1e9 - left) % 86400 < 5, (status, left)
        assert status.current_limit.unit == Unit.DAY
        path = new("/")
        assert self.codes(5, descriptor(("path", path), ("user", "vip"))) == [OK] * 4 + [OVER]
        [status] = self.ask(descriptor(("path", new("/")), ("user", "vip"))).statuses
        assert status.current_limit.requests_per_unit == 4 and status.current_limit.unit == Unit.UNKNOWN
        for free in (("path", "/a"),), (("user", user), ("path", "/a")), (("path", "/b"), ("user", user)):
            answer = self.ask(descriptor(*free))
            [status] = answer.statuses
            assert (answer.overall_code, status.code) == (OK, OK) and not status.HasField("current_limit"), answer

    def check_what_no_rule_is_for_is_unlimited(self):
        assert set(self.codes(20, descriptor(("user", "x")), domain="nowhere")) == {OK}
        assert set(self.codes(20, descriptor(("nothing", "x")))) == {OK}
        brought = descriptor(("user", "x"), limit=(1, ratelimit_unit_pb2.HOUR))
        assert set(self.codes(3, brought, domain="nowhere")) == {OK}

    def check_descriptors_are_counted_apart(self):
        full, half = new(), new()
        assert self.codes(3, descriptor(("user", full))) == [OK] * 3
        answer = self.ask(descriptor(("user", full)), descriptor(("user", half)), descriptor(("nothing", "x")))
        assert answer.overall_code == OVER
        assert [status.code for status in answer.statuses] == [OVER, OK, OK]
        assert [status.limit_remaining for status in answer.statuses] == [0, 2, 0]
        fields = {field.key: field.value for field in answer.response_headers_to_add}
        assert fields["ratelimit-remaining"] == "0" and "retry-after" in fields, "of the one that is over"

    def check_hits(self):
        user = new()
        assert self.ask(descriptor(("user", user)), hits=2).statuses[0].limit_remaining == 1
        answer = self.ask(descriptor(("user", user)), hits=2)
        assert (answer.overall_code, answer.statuses[0].limit_remaining) == (OVER, 1), "nothing is taken of what is denied"
        assert self.ask(descriptor(("user", user), hits=1), hits=2).overall_code == OK, "its own go before the request's"
        assert self.ask(descriptor(("user", user)), hits=4).overall_code == OVER
        assert self.ask(descriptor(("user", new())), hits=4).overall_code == OVER, "it never fits"
        assert self.ask(descriptor(("user", new()), hits=3)).statuses[0].limit_remaining == 0
        self.refuses(grpc.StatusCode.INVALID_ARGUMENT, descriptor(("user", user), hits=2**63))

    def check_no_hits_of_a_descriptor_only_ask(self):
        user = new()
        for _ in range(5):
            answer = self.ask(descriptor(("user", user), hits=0), hits=9)
            assert (answer.overall_code, answer.statuses[0].limit_remaining) == (OK, 3), answer
        self.ask(descriptor(("user", user)), hits=3)
        answer = self.ask(descriptor(("user", user), hits=0))
        assert (answer.overall_code, answer.statuses[0].limit_remaining) == (OVER, 0), answer
        fields = {field.key: field.value for field in answer.response_headers_to_add}
        assert HOUR - 10 < int(fields["retry-after"]) <= HOUR, fields

    def check_a_descriptor_may_bring_its_limit(self):
        user = new()
        brought = descriptor(("user", user), limit=(2, ratelimit_unit_pb2.HOUR))
        assert self.codes(3, brought) == [OK, OK, OVER]
        [status] = self.ask(brought).statuses
        assert (status.current_limit.requests_per_unit, status.current_limit.unit) == (2, Unit.HOUR)
        assert HOUR - 10 < status.duration_until_reset.ToSeconds() <= HOUR
        assert self.ask(descriptor(("user", user))).statuses[0].limit_remaining == 2, "the rule's own is another"
        by_day = descriptor(("user", user), limit=(9, ratelimit_unit_pb2.DAY))
        assert self.ask(by_day).statuses[0].limit_remaining == 8, "and so is that of another unit"
        assert self.ask(descriptor(("any", user), limit=(1, ratelimit_unit_pb2.YEAR))).overall_code == OK
        nothing = descriptor(("user", user), limit=(0, ratelimit_unit_pb2.DAY))
        assert self.ask(nothing).overall_code == OVER
        for unit in (ratelimit_unit_pb2.UNKNOWN, 99):
            self.refuses(grpc.StatusCode.INVALID_ARGUMENT, descriptor(("user", user), limit=(1, unit)))

    def check_shadow_mode_denies_nothing(self):
        shadow = descriptor(("shadow", new()))
        answers = [self.ask(shadow) for _ in range(3)]
        assert [answer.overall_code for answer in answers] == [OK] * 3
        assert [answer.statuses[0].limit_remaining for answer in answers] == [0, 0, 0]

    def check_policies(self):
        policy = descriptor(("policy", new()))
        assert self.codes(4, policy) == [OK, OK, OK, OVER]
        [status] = self.ask(policy).statuses
        assert (status.current_limit.requests_per_unit, status.limit_remaining) == (3, 0), "of the limit that blocks"
        assert self.ask(descriptor(*[("policy", new())]), hits=3).statuses[0].limit_remaining == 0

    def check_what_is_known_afterwards_is_counted_even_if_it_is_over(self):
        for key, limit in ("tokens", 1000), ("tokens_by_window", 1000), ("tokens_by_bucket", 500):
            user = new()
            before, after = descriptor((key, user), hits=0), lambda hits, user=user: descriptor((key, user), hits=hits)
            assert self.ask(before).overall_code == OK
            answer = self.ask(after(limit - 100))
            assert (answer.overall_code, answer.statuses[0].limit_remaining) == (OK, 100), (key, answer)
            assert self.ask(before).statuses[0].limit_remaining in (100, 101), key
            answer = self.ask(after(300))
            assert (answer.overall_code, answer.statuses[0].limit_remaining) == (OVER, 0), (key, answer)
            answer = self.ask(before)
            assert (answer.overall_code, answer.statuses[0].limit_remaining) == (OVER, 0), (key, answer)
            fields = {field.key: field.value for field in answer.response_headers_to_add}
            assert 0 < int(fields["retry-after"]) <= 86_400, (key, fields)
            answer = self.ask(after(2000))
            assert (answer.overall_code, answer.statuses[0].limit_remaining) == (OVER, 0), (key, answer)

    def check_no_value_is_taken_for_another(self):
        one, value = new(), new()
        pairs = (f"{one}:b={value}", value), (one, f"{value}:b={value}"), (one, f"{value}%3ab={value}")
        for a, b in pairs:
            assert self.codes(2, descriptor(("a", a), ("b", b))) == [OK, OVER], (a, b)
        first = descriptor(("user", f"{one}:x={value}"))
        assert self.codes(3, first) == [OK] * 3
        for other in f"{one}%3ax%3d{value}", f"{one}:x={value}:", f"{one}", f"{one}:x", f"{{{one}}}:x={value}":
            assert self.ask(descriptor(("user", other))).statuses[0].limit_remaining == 2, other
        long = [new("é" * 10_000) for _ in range(2)]
        assert self.codes(4, descriptor(("user", long[0]))) == [OK, OK, OK, OVER]
        assert self.ask(descriptor(("user", long[1]))).overall_code == OK

    def check_malformed_requests(self):
        user, invalid = descriptor(("user", "x")), grpc.StatusCode.INVALID_ARGUMENT
        assert "domain" in self.refuses(invalid, user, domain="")
        assert "descriptors" in self.refuses(invalid)
        assert "descriptors" in self.refuses(invalid, *[user] * 65)
        assert "entries" in self.refuses(invalid, descriptor())
        assert "entries" in self.refuses(invalid, descriptor(*[("k", "v")] * 33))
        assert "key" in self.refuses(invalid, descriptor(("", "v")))
        assert len(self.ask(*[descriptor(("none", "x"))] * 64).statuses) == 64
        assert self.ask(descriptor(*[("k", "v")] * 32)).overall_code == OK

    def check_a_wrong_descriptor_counts_none_of_its_request(self):
        user = descriptor(("user", new()))
        self.refuses(grpc.StatusCode.INVALID_ARGUMENT, user, descriptor())
        assert self.ask(user).statuses[0].limit_remaining == 2

    def check_bytes_that_are_no_message(self):
        for bytes_ in b"\xff" * 50, b"\x0a\xff", b"\x0a\x02\xff\xff":  # the last one is not UTF-8
            call = self.channel.unary_unary("/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit")
            try:
                call(bytes_, timeout=10)
            except grpc.RpcError as error:
                assert error.code() == grpc.StatusCode.INTERNAL, error
            else:
                raise AssertionError("it was answered")

    def check_oversize(self):
        large = descriptor(("user", "x" * 70_000))
        code = self.refuses(grpc.StatusCode.OUT_OF_RANGE, large)
        assert "too large" in code, code

    def check_unknown_services(self):
        for path in ("/envoy.service.ratelimit.v2.RateLimitService/ShouldRateLimit", "/grpc.health.v1.Health/Watch",
                     "/envoy.service.ratelimit.v3.RateLimitService/Other"):
            try:
                self.channel.unary_unary(path)(b"", timeout=10)
            except grpc.RpcError as error:
                assert error.code() == grpc.StatusCode.UNIMPLEMENTED, error
            else:
                raise AssertionError(path)

    def check_many_at_once_admit_what_one_after_another_would(self):
        user = descriptor(("user", new()))
        request = rls_pb2.RateLimitRequest(domain="shop", descriptors=[user])
        calls = [self.stub.ShouldRateLimit.future(request, timeout=30) for _ in range(300)]
        codes = [call.result().overall_code for call in calls]
        assert (codes.count(OK), codes.count(OVER)) == (3, 297), codes

    def check_health(self):
        health = health_pb2_grpc.HealthStub(self.channel)
        for service in "", "envoy.service.ratelimit.v3.RateLimitService", "ratelimit":
            answer = health.Check(health_pb2.HealthCheckRequest(service=service), timeout=10)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING, service
        try:
            health.Check(health_pb2.HealthCheckRequest(service="other"), timeout=10)
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.NOT_FOUND, error
        else:
            raise AssertionError("another service is healthy")


def checks_on(name, coordinator):
    checks = Checks(coordinator)
    return [(f"{name}: {check.removeprefix('check_').replace('_', ' ')}", getattr(checks, check))
            for check in dir(checks) if check.startswith("check_")]


def main():
    policies = programs.WORK / "policies.toml"
    policies.write_text(POLICIES)
    embedded = programs.Coordinator(CONFIG, "--policies", str(policies))
    redis = programs.Redis()
    reply = redis.command("RL.POLICY", "SET", "both", "LIMIT", "burst", "3", "1h", "LIMIT", "day", "4", "1d")
    assert reply == b"+OK\r\n", reply
    on_redis = programs.Coordinator(CONFIG, "--redis", f"redis://127.0.0.1:{redis.port}")
    checks = checks_on("embedded", embedded) + checks_on("redis", on_redis)
    for name, coordinator in ("embedded", embedded), ("redis", on_redis):
        checks.append((f"{name}: it ends as it should", coordinator.end))
    programs.run_all(checks)


if __name__ == "__main__":
    main()
