"""LiteLLM's router: usage shared in Redis, the limits of each deployment enforced before the call, retries by the router.

As its documentation says for several instances: `usage-based-routing-v2` with Redis, and `enforce_model_rate_limits`.
LiteLLM counts by the minute of the clock. Its clock is scaled here as everything else is.
"""

import datetime
import sys
import time

import jobs

from .call import SYSTEM, System


def scaled():
    return datetime.datetime.fromtimestamp(time.time() / jobs.SCALE, datetime.timezone.utc)


def load():
    """Imports litellm, which takes seconds, before the processes are forked."""
    import litellm
    import litellm.router_strategy.lowest_tpm_rpm_v2
    import litellm.router_utils.pre_call_checks.model_rate_limit_check
    from litellm.utils import get_utc_datetime

    litellm.suppress_debug_info = True
    # Its periods scale, too: a default of the check binds the clock, and the router backs off as the SDKs do.
    check = litellm.router_utils.pre_call_checks.model_rate_limit_check.ModelRateLimitingCheck
    check.__init__.__defaults__ = tuple(scaled if value is get_utc_datetime else value for value in check.__init__.__defaults__)
    for module in list(sys.modules.values()):
        if getattr(module, "__name__", "").startswith("litellm") and getattr(module, "get_utc_datetime", None):
            module.get_utc_datetime = scaled
    return litellm


class Router(System):
    async def start(self):
        litellm = load()
        limits = self.run.scenario.limits()
        tokens = limits["tokens"][1] if "tokens" in limits else limits["input"][1] + limits["output"][1]
        kind = "anthropic" if self.run.scenario.family == "anthropic" else "openai"
        base = self.run.url if kind == "anthropic" else f"{self.run.url}/v1"
        headers = {"x-lab-process": str(self.run.process)}
        models = [
            {
                "model_name": model,
                "litellm_params": {"model": f"{kind}/{model}", "api_base": base, "api_key": "none", "rpm": jobs.REQUESTS, "tpm": tokens, "extra_headers": headers},
            }
            for model in self.models
        ]
        more = {"fallbacks": [{self.models[0]: [self.models[1]]}]} if len(self.models) > 1 else {}
        self.router = litellm.Router(
            model_list=models,
            routing_strategy="usage-based-routing-v2",
            redis_host="127.0.0.1",
            redis_port=self.run.redis_port,
            enable_pre_call_checks=True,
            optional_pre_call_checks=["enforce_model_rate_limits"],
            num_retries=3,
            cooldown_time=5 * jobs.SCALE,
            **more,
        )

    async def warm(self, text):
        await self.call(text, jobs.BATCH)

    async def call(self, text, lane):
        system = [{"role": "system", "content": SYSTEM}] if self.run.scenario.family == "anthropic" else []
        try:
            await self.router.acompletion(
                model=self.models[0], messages=[*system, {"role": "user", "content": text}], max_tokens=jobs.MOST_OUTPUT
            )
            return True
        except Exception:
            return False
