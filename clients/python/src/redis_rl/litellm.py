"""A callback for LiteLLM's SDK and proxy: `litellm.callbacks = [RateLimitCallback(limiter)]`.

It reserves before each asynchronous call (`acompletion`, the Router, the proxy), settles by the usage of the answer, and holds the key
after a 429. LiteLLM gives synchronous calls no place to wait in: they are not limited. Calls without messages or input are not, either.
"""

from __future__ import annotations

import json
import time
from typing import Any, Mapping, NamedTuple, Optional

from litellm import get_llm_provider
from litellm.exceptions import BadRequestError, RateLimitError, ServiceUnavailableError
from litellm.integrations.custom_logger import CustomLogger

from ._async.limiter import AsyncLimiter, Priority
from ._async.plans import AsyncPlans
from ._async.reservation import AsyncReservation
from ._async.upstream import AsyncUpstream
from .durations import Duration
from .errors import Busy, Denied, NoPolicy, Unavailable
from .profiles import profile_of
from .profiles.usage import at
from .transport.asked import Asked, read
from .transport.options import OfModel, Options
from .transport.plan import Plan, Typical

__all__ = ["RateLimitCallback"]

_PROFILES = ("anthropic", "azure", "bedrock", "gemini", "groq", "mistral", "openrouter")
_PREFIX = "llm_provider-"
_FIELDS = ("messages", "input", "prompt", "tools", "max_tokens", "max_completion_tokens", "max_output_tokens")
OPEN_MAX = 100_000
"""Of more calls that LiteLLM never ended, the oldest are forgotten: their ttl ends them."""


class _Open(NamedTuple):
    """A call that LiteLLM has not ended yet. `sent` is when it was admitted, just before it is sent, by `time.monotonic`."""

    reservation: AsyncReservation
    plan: Plan
    typical: Typical
    sent: float


class RateLimitCallback(CustomLogger):
    """The options are those of `redis_rl.httpx.Transport`. A call that is not admitted raises `litellm.RateLimitError`."""

    def __init__(
        self,
        limiter: AsyncLimiter,
        *,
        key: OfModel = None,
        policy: OfModel = None,
        profile: Optional[str] = None,
        priority: Priority = None,
        wait: Duration = 60,
        ttl: Duration = 60,
        margin: Optional[float] = None,
        expected_output: int = 500,
    ) -> None:
        super().__init__()
        self._limiter = limiter
        self._options = Options.of(
            wait, key=key, policy=policy, profile=profile, priority=priority, ttl=ttl, margin=margin, expected_output=expected_output
        )
        self._open: dict[str, _Open] = {}
        self._typical: dict[str, Typical] = {}
        self._plans = AsyncPlans(limiter)

    async def async_pre_call_deployment_hook(self, kwargs: dict[str, Any], call_type: Any) -> None:
        """Reserves for a call, before LiteLLM sends it."""
        asked = _asked(kwargs)
        policy = None if asked is None else self._options.policy_of(asked.model, self._limiter.policy)
        if asked is None or policy is None:
            return
        provider, model = _provider(asked.model), asked.model
        profile = profile_of(self._options.profile or (provider if provider in _PROFILES else "openai"))
        plan = await self._plans.plan(policy, profile)
        key = self._options.key_of(model, policy)
        typical = self._typical.setdefault(key, Typical(self._options.expected_output))
        cost = plan.reserved(asked, typical)
        wait = self._options.wait
        reservation = self._limiter.reserve(key, policy, cost=cost, ttl=self._options.ttl, wait=wait, priority=self._options.lane())
        try:
            await reservation.__aenter__()
        except (Denied, Busy) as error:
            raise RateLimitError(f"redis-rl: {error}", provider, model) from error
        except Unavailable as error:
            raise ServiceUnavailableError(f"redis-rl: {error}", provider, model) from error
        self._keep(str(kwargs.get("litellm_call_id")), reservation, plan, typical)

    def _keep(self, call: str, reservation: AsyncReservation, plan: Plan, typical: Typical) -> None:
        previous = self._open.pop(call, None)
        if previous is None and len(self._open) >= OPEN_MAX:
            previous = self._open.pop(next(iter(self._open)))
        if previous is not None:
            previous.reservation.forget()
        self._open[call] = _Open(reservation, plan, typical, time.monotonic())

    async def async_log_success_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        """Settles a call by the usage of its answer; of a stream LiteLLM says it at the end."""
        found = self._open.pop(str(kwargs.get("litellm_call_id")), None)
        if found is None:
            return
        reservation, plan, typical, sent = found
        units = _usage(response_obj, plan)
        if "output-tokens" in units:
            typical.add(units["output-tokens"])
        reservation.used(plan.used(units))
        told = _headers(response_obj)
        if told and not reservation.degraded and plan.limits is not None:
            upstream = AsyncUpstream(self._limiter, reservation.key, plan.profile, self._options.margin)
            await upstream.tell(told, {limit.name: limit for limit in plan.limits}, sent, False)
        await reservation.__aexit__(None, None, None)

    async def async_log_failure_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        """Ends a call that failed. After a refusal the key is held; after other errors the estimate stays charged."""
        found = self._open.pop(str(kwargs.get("litellm_call_id")), None)
        if found is None:
            return
        reservation, plan, _, sent = found
        error = kwargs.get("exception")
        status, headers = int(getattr(error, "status_code", 0) or 0), dict(getattr(getattr(error, "response", None), "headers", {}) or {})
        if not plan.profile.is_refusal(status, headers) or reservation.degraded:
            await reservation.__aexit__(None, None, None)
            return
        limits = {limit.name: limit for limit in plan.limits or ()}
        await AsyncUpstream(self._limiter, reservation.key, plan.profile, self._options.margin).tell(headers, limits, sent, True)
        try:
            await (reservation.settle() if plan.profile.refused_counts else reservation.cancel())
        except (Unavailable, NoPolicy):
            pass  # its ttl ends it


def _asked(kwargs: Mapping[str, Any]) -> Optional[Asked]:
    body = {name: kwargs[name] for name in _FIELDS if kwargs.get(name) is not None}
    if not any(name in body for name in ("messages", "input", "prompt")) or not isinstance(kwargs.get("model"), str):
        return None
    return read("POST", "/", json.dumps({**body, "model": kwargs["model"]}, default=str).encode())


def _provider(model: str) -> str:
    try:
        return str(get_llm_provider(model)[1])
    except BadRequestError:
        return "openai"


def _usage(response: Any, plan: Plan) -> dict[str, int]:
    """Reads the usage of an answer, which LiteLLM gives in OpenAI's form for all providers."""
    usage = getattr(response, "usage", None)
    body: Any = usage.model_dump() if usage is not None and hasattr(usage, "model_dump") else usage
    given, output = at(body, "prompt_tokens"), at(body, "completion_tokens")
    if not isinstance(given, int) or not isinstance(output, int):
        return {}
    cached = at(body, "prompt_tokens_details.cached_tokens")
    if isinstance(cached, int) and "excluded" in plan.profile.facts.get("usage", {}):
        given = max(0, given - cached)
    return {"input-tokens": given, "output-tokens": output, "tokens": given + output}


def _headers(response: Any) -> dict[str, str]:
    """Returns the provider's headers, which LiteLLM keeps with a prefix."""
    hidden = getattr(response, "_hidden_params", None) or {}
    found = hidden.get("additional_headers") or {}
    return {name.removeprefix(_PREFIX): str(value) for name, value in found.items() if name.startswith(_PREFIX)}
