"""`AsyncPlans`: what is known of policies, read from the server now and then. `Plans` is made from it."""

from __future__ import annotations

import time

from ..errors import Unavailable
from ..profiles import Profile
from ..transport.plan import Plan
from .limiter import AsyncLimiter

SECONDS = 60
"""How long what is known of a policy counts."""
SECONDS_UNREAD = 5
"""How long nothing is asked after a policy could not be read: the usual names of units count meanwhile."""


class AsyncPlans:
    """Plans by policy and profile."""

    def __init__(self, limiter: AsyncLimiter) -> None:
        self._limiter = limiter
        self._plans: dict[tuple[str, str], Plan] = {}

    async def plan(self, policy: str, profile: Profile) -> Plan:
        """Returns the plan for a policy. Without the right to read policies, or without a server, it knows no limits."""
        plan = self._plans.get((policy, profile.name))
        if plan is not None and time.monotonic() - plan.read_at < (SECONDS if plan.limits is not None else SECONDS_UNREAD):
            return plan
        try:
            limits = await self._limiter.policy_get(policy)
        except Unavailable:
            plan = Plan(profile)
        else:
            plan = Plan(profile, limits)
            if limits is None:
                # There is none of this name yet.
                return plan
        self._plans[policy, profile.name] = plan
        return plan
