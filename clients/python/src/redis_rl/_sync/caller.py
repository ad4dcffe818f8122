"""`Caller`: puts a limit in front of the requests of an SDK. Made from `_async` by tools/make_sync.py.

For each request: reserve in line, send, settle by what was used while the response passes, and pass on what the headers say. After a
refusal the request stands in line again.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any, Mapping, Optional

from ..errors import Busy, Denied, Unavailable
from ..limits import Limit
from ..profiles import profile_of
from ..transport.asked import Asked, profile_name, read
from ..transport.meter import Meter
from ..transport.options import Options
from ..transport.plan import Plan, Typical
from .limiter import Limiter
from .passage import Passage
from .plans import Plans
from .reservation import Reservation
from .shield import in_background, to_the_end
from .upstream import Upstream

_NOT_SENT = ("ConnectError", "ConnectTimeout", "PoolTimeout", "UnsupportedProtocol")


class Caller:
    """Calls a provider within the limits of a policy. `library` is httpx or httpx2."""

    def __init__(self, limiter: Limiter, options: Options, library: Any) -> None:
        self._limiter, self._options, self._library = limiter, options, library
        self._plans = Plans(limiter)
        self._typical: dict[str, Typical] = {}

    def send(self, request: Any, send: Any) -> Any:
        """Sends a request when it is admitted. Requests that no model answers are sent at once."""
        asked = self._read(request)
        policy = None if asked is None else self._options.policy_of(asked.model, self._limiter.policy)
        if asked is None or policy is None:
            return send(request)
        profile = profile_of(self._options.profile or profile_name(request.url.host, request.url.path))
        plan, key = self._plans.plan(policy, profile), self._options.key_of(asked.model, policy)
        typical = self._typical.setdefault(key, Typical(self._options.expected_output))
        end = time.monotonic() + self._options.wait
        # What cannot be read cannot be settled.
        request.headers["accept-encoding"] = "gzip, deflate"
        for left in reversed(range(self._options.tries)):
            try:
                reservation = self._reserve(key, policy, plan.reserved(asked, typical), end)
            except (Denied, Busy, Unavailable) as error:
                return self._refusal(error)
            sent = time.monotonic()
            try:
                response = send(request)
            except BaseException as error:
                to_the_end(self._lost(reservation, error))
                raise
            refused = profile.is_refusal(response.status_code, response.headers)
            self._tell(reservation, plan, response, sent, refused)
            if not refused:
                return self._passing(response, reservation, plan, typical)
            (reservation.__exit__(None, None, None) if profile.refused_counts else reservation.cancel())
            if not left or time.monotonic() >= end:
                return response
            response.close()

    def _read(self, request: Any) -> Optional[Asked]:
        if "json" not in request.headers.get("content-type", ""):
            return None
        asked = read(request.method, request.url.path, request.read())
        return asked if asked is None else self._options.estimated(asked)

    def _reserve(self, key: str, policy: str, cost: Mapping[str, int], end: float) -> Reservation:
        wait = max(0, round(end - time.monotonic(), 3))
        reservation = self._limiter.reserve(
            key, policy, cost=cost, ttl=self._options.ttl, wait=wait, priority=self._options.lane(), flow=self._options.flow_of()
        )
        return reservation.__enter__()

    def _lost(self, reservation: Reservation, error: BaseException) -> None:
        """Ends a reservation whose request failed: it is given back if the request was not sent, else it stays charged."""
        if type(error).__name__ in _NOT_SENT:
            try:
                reservation.cancel()
            except Unavailable:
                pass
        else:
            reservation.__exit__(None, None, None)

    def _tell(self, reservation: Reservation, plan: Plan, response: Any, sent: float, refused: bool) -> None:
        if reservation.degraded:
            return
        body_ms = None
        if refused and "retry_body" in plan.profile.facts:
            response.read()
            body_ms = plan.profile.body_hold_ms(_json(response))
        upstream = Upstream(self._limiter, reservation.key, plan.profile, self._options.margin)
        headers, limits = dict(response.headers), _limits(plan, reservation)
        if refused:
            # Before this request stands in line again, the key must be held.
            upstream.tell(headers, limits, sent, refused, body_ms)
        else:
            in_background(upstream.tell, headers, limits, sent, refused)

    def _passing(self, response: Any, reservation: Reservation, plan: Plan, typical: Typical) -> Any:
        """Returns the response, whose bytes are read while they pass."""
        meter = Meter(plan.profile, response.headers)
        status = response.status_code

        def settle(is_whole: bool) -> None:
            units = meter.end(is_whole)
            if 400 <= status < 500:
                units = {"input-tokens": 0, "output-tokens": 0, "tokens": 0}
            elif is_whole and "output-tokens" in units:
                typical.add(units["output-tokens"])
            reservation.used(plan.used(units))
            reservation.__exit__(None, None, None)

        passage = Passage(response.stream, meter, settle, reservation.forget)
        response.stream = self._library.Stream(passage)
        return response

    def _refusal(self, error: Exception) -> Any:
        """Answers a request that is not admitted here as a provider would: 429, or 503 if it could not be decided."""
        status, headers = (503, {"retry-after": "1"}) if isinstance(error, Unavailable) else (429, {})
        if isinstance(error, Denied) and error.decision.retry_after is not None:
            headers["retry-after"] = str(max(1, -(-error.decision.retry_after // timedelta(seconds=1))))
        body = {"type": "error", "error": {"type": "rate_limit_error", "message": f"redis-rl: {error}"}}
        return self._library.Response(status, headers={**headers, "x-redis-rl": type(error).__name__.lower()}, json=body)


def _limits(plan: Plan, reservation: Reservation) -> dict[str, Limit]:
    """Returns the limits of the key by name: as the policy says, else as far as the decision tells them."""
    if plan.limits is not None:
        return {limit.name: limit for limit in plan.limits}
    told = reservation.decision.limits if reservation.decision else {}
    return {name: Limit(name, state.limit, 60) for name, state in told.items()}


def _json(response: Any) -> Any:
    try:
        return response.json()
    except ValueError:
        return None
