"""Calls: what is sent for each, and how its answer is read. Nothing here does I/O."""

from .call import Call, Cost, Costs, Key, Request, Wait
from .keys import hold, info, peek, refund, sync, top, top_reset
from .policies import override_delete, override_get, override_set, overrides, policies, policy_delete, policy_get, policy_set
from .quota import first, mquota, quota
from .reservation import cancel, renew, settle
from .single import bucket, slide, window

__all__ = [
    "Call",
    "Cost",
    "Costs",
    "Key",
    "Request",
    "Wait",
    "bucket",
    "cancel",
    "first",
    "hold",
    "info",
    "mquota",
    "override_delete",
    "override_get",
    "override_set",
    "overrides",
    "peek",
    "policies",
    "policy_delete",
    "policy_get",
    "policy_set",
    "quota",
    "refund",
    "renew",
    "settle",
    "slide",
    "sync",
    "top",
    "top_reset",
    "window",
]
