"""The neutral form of calls and answers in conformance/cases.json."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any, Mapping

from redis_rl import Decision, Info, Left, Limit, QuotaDecision, TopKey, calls
from redis_rl.calls import Wait
from redis_rl.durations import to_ms

CASES = json.loads((Path(__file__).parents[2] / "conformance" / "cases.json").read_text())


def ms(value: Any) -> Any:
    return None if value is None else timedelta(milliseconds=value)


def limit(fields: Mapping[str, Any]) -> Limit:
    if "inflight" in fields:
        return Limit(fields["name"], fields["inflight"], algorithm="inflight", shadow=fields.get("shadow", False))
    rest = {name: fields[name] for name in ("unit", "algorithm", "capacity", "shadow") if name in fields}
    return Limit(fields["name"], fields["limit"], window(fields), offset=ms(fields.get("offset_ms", 0)), **rest)


def window(fields: Mapping[str, Any]) -> Any:
    return fields["window"] if "window" in fields else ms(fields["window_ms"])


def left(fields: Mapping[str, Any]) -> Left:
    return Left(fields["remaining"], ms(fields.get("reset_ms")), fields.get("of"))


def arguments(name: str, args: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the arguments of a limiter's method."""
    known = dict(args)
    if name in ("slide", "window"):
        known["window"] = window(known)
        known.pop("window_ms", None)
    for ours, theirs in (("wait", "wait_ms"), ("offset", "offset_ms"), ("period", "period_ms"), ("reserve", "reserve_ms"), ("ttl", "ttl_ms"), ("age", "age_ms"), ("duration", "duration_ms")):
        if theirs in known:
            known[ours] = ms(known.pop(theirs))
    if name in ("quota", "policy_set", "override_set") and "limits" in known:
        known["limits"] = [limit(each) for each in known["limits"]]
    if name in ("mquota", "first"):
        known["keys"] = {each["key"]: each["policy"] for each in known["keys"]}
    if name == "sync":
        if "limits" in known:
            known["left"] = {each: left(fields) for each, fields in known.pop("limits").items()}
        else:
            known["left"] = left(known)
            known.pop("remaining"), known.pop("reset_ms", None), known.pop("of", None)
    return known


def call(name: str, args: Mapping[str, Any]) -> Any:
    """Builds a call without a limiter."""
    known = arguments(name, args)
    if name in ("slide", "window", "bucket", "quota", "mquota", "first"):
        known["wait"] = Wait.of(known.pop("wait", None), known.pop("priority", None), known.pop("flow", None), known.pop("weight", None))
    return getattr(calls, name)(**known)


def plain(value: Any) -> Any:
    """Returns an answer in the neutral form."""
    if isinstance(value, timedelta):
        return to_ms(value)
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, Mapping):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, (Decision, QuotaDecision)):
        return _fields(value, {"retry_after": "retry_after_ms", "reset_after": "reset_after_ms"})
    if isinstance(value, TopKey):
        return {"key": value.key.decode(), "count": value.count, "error": value.error}
    if isinstance(value, Info):
        return _fields(value, {"held": "held_ms", "elsewhere": "elsewhere_ms", "head_wait": "head_wait_ms"})
    if isinstance(value, Limit):
        return _limit(value)
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if hasattr(value, "__dataclass_fields__"):
        return _fields(value, {"retry_after": "retry_after_ms", "reset_after": "reset_after_ms"})
    return value


def _fields(value: Any, names: Mapping[str, str]) -> dict[str, Any]:
    return {names.get(name, name): plain(getattr(value, name)) for name in value.__dataclass_fields__}


def _limit(value: Limit) -> dict[str, Any]:
    shadow = {"shadow": True} if value.shadow else {}
    if value.window is None:
        return {"name": value.name, "inflight": value.limit, **shadow}
    period = {"window": value.window} if value.window in ("1mo", "1w") else {"window_ms": to_ms(value.window)}
    offset = {"offset_ms": to_ms(value.offset)} if to_ms(value.offset) else {}
    capacity = {"capacity": value.capacity} if value.capacity is not None else {}
    return {"name": value.name, "limit": value.limit, **period, "unit": value.unit, "algorithm": value.algorithm, **capacity, **offset, **shadow}


def matches(wanted: Any, found: Any) -> bool:
    """Compares by the fields that a case names."""
    if isinstance(wanted, dict) and "between" in wanted:
        return isinstance(found, int) and wanted["between"][0] <= found <= wanted["between"][1]
    if isinstance(wanted, dict) and isinstance(found, dict):
        return all(name in found and matches(value, found[name]) for name, value in wanted.items())
    return bool(wanted == found) and type(wanted) is type(found)
