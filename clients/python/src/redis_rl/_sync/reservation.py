"""`Reservation`: a reservation as a scope. Made from `_async` by tools/make_sync.py."""

from __future__ import annotations

import uuid
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Iterable, Mapping, Optional, Union

from ..answers import Amounts, FirstDecision, QuotaDecision
from ..calls import Costs, Key
from ..calls.keys import Left
from ..durations import Duration, to_ms
from ..errors import Denied, RateLimitError, Unavailable
from ..profiles import Profile, profile_of
from .renewal import Renewal
from .shield import to_the_end

if TYPE_CHECKING:
    from .limiter import Limiter

RENEWALS = 3
"""A reservation is renewed so many times in its ttl."""


class Reservation:
    """A scope in which a request is charged by its estimate, and settled when it is left.

        with limiter.reserve("q:claude", "claude", cost={"input": 3200, "output": 4096}, wait=20) as call:
            answer = ask()
            call.used(output=answer.usage.output_tokens)

    Leaving the scope settles at what `used` said. A unit that it did not name stays as reserved: after an error nobody knows whether
    the request was made. `cancel` gives everything back. `Denied` is raised if the request is not admitted.
    """

    def __init__(self, limiter: Limiter, key: Key, policy: Optional[str], *, ttl: Duration, id: Optional[str], **asked: Any) -> None:
        self._limiter, self._policy, self._asked = limiter, policy, asked
        self._used: dict[str, int] = {}
        self._renewal: Optional[Renewal] = None
        self.key = key
        self.id = id or uuid.uuid4().hex
        self.ttl_ms = to_ms(ttl)
        self.decision: Optional[QuotaDecision] = None
        self.is_open = False

    def _decide(self, ttl: timedelta) -> QuotaDecision:
        return self._limiter.quota(self.key, self._policy, reserve=ttl, id=self.id, **self._asked)

    def _keys(self) -> Iterable[Key]:
        """The keys that may have admitted the request."""
        return [self.key]

    def _enter(self) -> None:
        try:
            self.decision = self._decide(timedelta(milliseconds=self.ttl_ms))
        except RateLimitError:
            raise
        except BaseException:
            # Perhaps it was admitted, and the answer was lost with the task.
            for key in self._keys():
                to_the_end(self._limiter._abandon(key, self.id))
            raise
        if not self.decision:
            if self.decision.degraded:
                raise Unavailable("the request could not be decided")
            raise Denied(self.decision)
        if not self.decision.degraded:
            self.is_open = True
            self._renewal = Renewal(self.renew, self.ttl_ms / 1000 / RENEWALS)

    def __enter__(self) -> Reservation:
        self._enter()
        return self

    @property
    def degraded(self) -> bool:
        """Whether the request was let through undecided, because `fail` is "open". Nothing is charged then."""
        return self.decision is not None and self.decision.degraded

    def used(self, costs: Optional[Costs] = None, /, **more: int) -> None:
        """Says what was really used, by unit. It is settled when the scope is left."""
        self._used |= {**(costs or {}), **more}

    def settle(self, costs: Optional[Costs] = None, /, **more: int) -> bool:
        """Settles now. Answers whether the reservation was open."""
        self.used(costs, **more)
        self._end()
        return not self.degraded and self._limiter.settle(self.key, self.id, self._used)

    def cancel(self) -> bool:
        """Gives everything back. Answers whether the reservation was open."""
        self._end()
        return not self.degraded and self._limiter.cancel(self.key, self.id)

    def renew(self) -> bool:
        """Makes the reservation last for its ttl from now on. The scope does it by itself."""
        return self._limiter.renew(self.key, self.id, timedelta(milliseconds=self.ttl_ms))

    def hold(self, duration: Duration, limits: Iterable[str] = ()) -> timedelta:
        """Admits nobody for `duration`, such as the `Retry-After` of a provider."""
        return self._limiter.hold(self.key, duration, limits)

    def sync(
        self,
        left: Union[Mapping[str, Left], Mapping[str, str]],
        profile: Union[str, Profile] = "anthropic",
        *,
        age: Optional[Duration] = None,
    ) -> Amounts:
        """Tells what is left by a provider's count: by limit, or as the headers of a response say, read by `profile`.

        Limits of which the key has none are not told. `age` is how long ago the request was sent whose response said all this.
        """
        names = set(self.decision.limits) if self.decision else set()
        found = {name: one for name, one in left.items() if isinstance(one, Left)}
        if not found:
            found = profile_of(profile).left({name: str(value) for name, value in left.items()}, names)
        return self._limiter.sync(self.key, found, age=age) if found else {}

    def forget(self) -> None:
        """Renews it no longer. Its ttl frees the slot, and the estimate stays charged."""
        self._end()

    def _end(self) -> None:
        self.is_open = False
        if self._renewal is not None:
            self._renewal.stop()
            self._renewal = None

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]) -> None:
        if not self.is_open:
            return
        try:
            to_the_end(self.settle())
        except RateLimitError:
            # It is counted in `degraded`. The ttl frees the slot, and the estimate stays charged.
            pass


class FirstReservation(Reservation):
    """The scope of a reservation at the first of several keys that admits.

    `index` says which key it is, from 0 in the order given, and `key` is that key.
    """

    def __init__(self, limiter: Limiter, keys: Mapping[Key, str], *, ttl: Duration, id: Optional[str], **asked: Any) -> None:
        super().__init__(limiter, next(iter(keys), ""), None, ttl=ttl, id=id, **asked)
        self._first = dict(keys)
        self.index = -1

    def _decide(self, ttl: timedelta) -> FirstDecision:
        decision = self._limiter.first(self._first, reserve=ttl, id=self.id, **self._asked)
        self.index = decision.index
        if decision:
            self.key = list(self._first)[decision.index]
        return decision

    def _keys(self) -> Iterable[Key]:
        return self._first

    def __enter__(self) -> FirstReservation:
        self._enter()
        return self
