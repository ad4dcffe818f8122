"""One class for each kind of error. All have the server's text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .answers import Decision, QuotaDecision


class RateLimitError(Exception):
    """The base of all errors of this package."""


class Denied(RateLimitError):
    """A scope or a decorator was not admitted. `decision` says why, and when to ask again."""

    def __init__(self, decision: Decision | QuotaDecision) -> None:
        self.decision = decision
        after = decision.retry_after
        when = "never" if after is None else f"in {after.total_seconds():g} s"
        super().__init__(f"not admitted, to be asked again {when}")


class Busy(RateLimitError):
    """The server, or this process, has as many waiters as it may have."""


class WrongType(RateLimitError):
    """The key holds another algorithm, or another type."""


class NoPolicy(RateLimitError):
    """The server has no policy of this name."""


class Invalid(RateLimitError):
    """The request is wrong; the text says what is expected."""


class Unsupported(RateLimitError):
    """rl-coordinator does not offer this call."""


class Unavailable(RateLimitError):
    """The request could not be decided.

    `cause` is `down` (no connection, no answer in time, loading, failing over), `noauth`, `noperm`, `no_module`, `readonly`, `oom`,
    `slot_moves`, `too_many_keys`, `too_many_token_keys` or `strange`.
    """

    def __init__(self, text: str, cause: str = "down") -> None:
        self.cause = cause
        super().__init__(text)


_CAUSES = {
    "NOAUTH": "noauth",
    "WRONGPASS": "noauth",
    "NOPERM": "noperm",
    "READONLY": "readonly",
    "OOM": "oom",
    "TRYAGAIN": "slot_moves",
    "LOADING": "down",
    "CLUSTERDOWN": "down",
    "MASTERDOWN": "down",
    "BUSY": "down",
    "NOREPLICAS": "down",
    "MISCONF": "down",
    "UNBLOCKED": "down",
}
_TEXTS = {"ERR unknown command": "no_module", "ERR max number of clients": "down"}


def from_text(text: str) -> RateLimitError:
    """Makes the error of an error reply.

    >>> from_text("RLBUSY too many waiters")
    Busy('RLBUSY too many waiters')
    """
    code = text.split(" ", 1)[0]
    if code == "RLBUSY":
        return Busy(text)
    if code == "WRONGTYPE":
        return WrongType(text)
    if code in _CAUSES:
        return Unavailable(text, _CAUSES[code])
    for begin, cause in _TEXTS.items():
        if text.startswith(begin):
            return Unavailable(text, cause)
    return NoPolicy(text) if text.startswith("ERR no such policy") else Invalid(text)


_CODES = {
    "back_end_down": "down",
    "back_end_without_module": "no_module",
    "back_end_read_only": "readonly",
    "out_of_memory": "oom",
    "slot_moves": "slot_moves",
    "too_many_keys": "too_many_keys",
    "too_many_token_keys": "too_many_token_keys",
    "back_end_strange": "strange",
}


def from_problem(status: int, body: Any) -> RateLimitError:
    """Makes the error of an answer of rl-coordinator, whose body is a problem of RFC 9457."""
    if not isinstance(body, dict):
        return Unavailable(f"the answer {status} is not one of rl-coordinator", "strange")
    code, text = str(body.get("code", "")), str(body.get("detail", ""))
    if code == "too_many_waiters":
        return Busy(text)
    if code == "wrong_algorithm":
        return WrongType(text)
    if code == "no_such_policy":
        return NoPolicy(text)
    if code in _CODES:
        return Unavailable(text, _CODES[code])
    if code == "back_end_refuses":
        return Unavailable(text, "noauth" if "password" in text else "noperm")
    if status in (401, 403):
        return Unavailable(text, "noauth" if status == 401 else "noperm")
    return Unavailable(text, "down") if status >= 500 else Invalid(text)
