"""`Limiter`: the calls, typed. Made from `_async` by tools/make_sync.py."""

from __future__ import annotations

from datetime import timedelta
from types import TracebackType
from typing import Any, Iterable, Mapping, Optional, TypeVar, Union

from .. import calls
from ..answers import Amounts, Decision, FirstDecision, Info, QuotaDecision, TopKey
from ..calls import Call, Cost, Costs, Key, Wait
from ..calls.keys import Left
from ..calls.single import Refill
from ..durations import Duration, from_ms
from ..errors import RateLimitError, Unavailable
from ..failures import Fail, Failures
from ..limits import Limit
from ..rules import Rule
from ..settings import of_client, of_url
from .coordinator import Coordinator
from .gate import Gate, Sender
from .reservation import FirstReservation, Reservation
from .server import Server

T = TypeVar("T")
Priority = Union[str, int, None]


class Limiter:
    """Limits that a server with redis-rl keeps.

    `connection` is a URL (`redis://`, `rediss://`, `unix://`, `redis-sentinel://host,host/service`, `redis-cluster://host,host`, or
    `http://` for rl-coordinator), or a client of redis-py or valkey-py. The limiter opens connections of its own with that
    client's settings, at most `connections` at a time; four of five may wait in line.

    `fail` says what a request is answered that cannot be decided: "open" admits it, "closed" denies it. `timeout` bounds each call, in
    seconds, beside its wait. Nothing is sent twice. `policy` is the policy of quotas that name none.
    """

    def __init__(
        self,
        connection: Any,
        *,
        policy: Optional[str] = None,
        fail: Fail = "closed",
        timeout: float = 0.5,
        connections: int = 20,
        token: Optional[str] = None,
    ) -> None:
        sender: Sender
        if isinstance(connection, str) and connection.startswith(("http://", "https://")):
            sender = Coordinator(connection, token, connections)
        elif isinstance(connection, str):
            sender = Server(of_url(connection, asyncio=False), timeout)
        else:
            sender = Server(of_client(connection, asyncio=False), timeout)
        self.policy = policy
        self._gate = Gate(sender, connections, timeout)
        self._failures = Failures(fail)

    @property
    def degraded(self) -> Mapping[str, int]:
        """How many calls could not be decided, by cause."""
        return self._failures.counts

    def _ask(self, call: Call[T]) -> T:
        try:
            return self._gate.ask(call)
        except Unavailable as error:
            return self._failures.answer(call, error)

    def ask(
        self,
        key: Key,
        rule: Rule,
        *,
        cost: int = 1,
        wait: Optional[Duration] = None,
        priority: Priority = None,
        flow: Optional[str] = None,
        weight: Optional[int] = None,
    ) -> Union[Decision, QuotaDecision]:
        """Asks a limit that is kept as a value, such as `redis_rl.Slide(100, 60)`."""
        call: Call[Any] = rule.call(key, cost, Wait.of(wait, priority, flow, weight))
        decision: Union[Decision, QuotaDecision] = self._ask(call)
        return decision

    def slide(
        self,
        key: Key,
        limit: int,
        window: Duration,
        *,
        cost: int = 1,
        wait: Optional[Duration] = None,
        priority: Priority = None,
        flow: Optional[str] = None,
        weight: Optional[int] = None,
    ) -> Decision:
        """Asks an exact sliding window: at most `limit` in every interval of length `window`."""
        return self._ask(calls.slide(key, limit, window, cost, Wait.of(wait, priority, flow, weight)))

    def window(
        self,
        key: Key,
        limit: int,
        window: Duration,
        *,
        offset: Optional[Duration] = None,
        cost: int = 1,
        wait: Optional[Duration] = None,
        priority: Priority = None,
        flow: Optional[str] = None,
        weight: Optional[int] = None,
    ) -> Decision:
        """Asks a fixed window, aligned to the clock. `window` may be `1mo` or `1w`, which follow the calendar."""
        return self._ask(calls.window(key, limit, window, offset, cost, Wait.of(wait, priority, flow, weight)))

    def bucket(
        self,
        key: Key,
        capacity: int,
        refill: Refill,
        period: Optional[Duration] = None,
        *,
        cost: int = 1,
        wait: Optional[Duration] = None,
        priority: Priority = None,
        flow: Optional[str] = None,
        weight: Optional[int] = None,
    ) -> Decision:
        """Asks a token bucket, which gains `refill` tokens in each `period` (a second)."""
        return self._ask(calls.bucket(key, capacity, refill, period, cost, Wait.of(wait, priority, flow, weight)))

    def quota(
        self,
        key: Key,
        policy: Optional[str] = None,
        *,
        limits: Iterable[Limit] = (),
        cost: Optional[Costs] = None,
        reserve: Optional[Duration] = None,
        id: Optional[str] = None,
        wait: Optional[Duration] = None,
        priority: Priority = None,
        flow: Optional[str] = None,
        weight: Optional[int] = None,
        short: bool = False,
    ) -> QuotaDecision:
        """Asks many limits, all or nothing: those of `policy`, or `limits`. With `short` the answer has no limits."""
        limits = list(limits)
        name = policy if limits or policy is not None else self.policy
        return self._ask(calls.quota(key, name, limits, cost, reserve, id, Wait.of(wait, priority, flow, weight), short))

    def mquota(
        self,
        keys: Mapping[Key, str],
        *,
        cost: Optional[Costs] = None,
        reserve: Optional[Duration] = None,
        id: Optional[str] = None,
        wait: Optional[Duration] = None,
        priority: Priority = None,
        flow: Optional[str] = None,
        weight: Optional[int] = None,
        short: bool = False,
    ) -> QuotaDecision:
        """Asks several keys, each by its policy: `{"org:7": "org", "user:42": "user"}`. All admit, or nothing is counted."""
        return self._ask(calls.mquota(keys, cost, reserve, id, Wait.of(wait, priority, flow, weight), short))

    def first(
        self,
        keys: Mapping[Key, str],
        *,
        cost: Optional[Costs] = None,
        reserve: Optional[Duration] = None,
        id: Optional[str] = None,
        wait: Optional[Duration] = None,
        priority: Priority = None,
        flow: Optional[str] = None,
        weight: Optional[int] = None,
        short: bool = False,
    ) -> FirstDecision:
        """Asks several keys, each by its policy, in the order given: the first that admits is charged, and `index` says which it is."""
        return self._ask(calls.first(keys, cost, reserve, id, Wait.of(wait, priority, flow, weight), short))

    def reserve(
        self,
        key: Key,
        policy: Optional[str] = None,
        *,
        limits: Iterable[Limit] = (),
        cost: Optional[Costs] = None,
        ttl: Duration = 60,
        id: Optional[str] = None,
        wait: Optional[Duration] = None,
        priority: Priority = None,
        flow: Optional[str] = None,
        weight: Optional[int] = None,
    ) -> Reservation:
        """Returns a scope that reserves when it is entered, renews while it is open, and settles when it is left."""
        return Reservation(
            self, key, policy, limits=list(limits), cost=cost, ttl=ttl, id=id, wait=wait, priority=priority, flow=flow, weight=weight
        )

    def reserve_first(
        self,
        keys: Mapping[Key, str],
        *,
        cost: Optional[Costs] = None,
        ttl: Duration = 60,
        id: Optional[str] = None,
        wait: Optional[Duration] = None,
        priority: Priority = None,
        flow: Optional[str] = None,
        weight: Optional[int] = None,
    ) -> FirstReservation:
        """Returns the scope of `reserve` at the first of several keys that admits. Its `index` says which it is."""
        return FirstReservation(self, keys, cost=cost, ttl=ttl, id=id, wait=wait, priority=priority, flow=flow, weight=weight)

    def settle(self, key: Key, id: str, cost: Optional[Costs] = None) -> bool:
        """Reports the real use of a reservation. Answers whether it was open."""
        return self._ask(calls.settle(key, id, cost))

    def cancel(self, key: Key, id: str) -> bool:
        """Gives a reservation back. Answers whether it was open."""
        return self._ask(calls.cancel(key, id))

    def renew(self, key: Key, id: str, ttl: Duration) -> bool:
        """Makes a reservation last for `ttl` from now on. Answers whether it was open."""
        return self._ask(calls.renew(key, id, ttl))

    def peek(self, key: Key, cost: Union[Cost, Costs, None] = None) -> Union[Decision, QuotaDecision, None]:
        """Says whether a request of this cost would be admitted now. Changes nothing. None if there is no key."""
        return self._ask(calls.peek(key, cost))

    def refund(self, key: Key, cost: int) -> int:
        """Gives `cost` back. Answers what remains."""
        return self._ask(calls.refund(key, cost))

    def hold(self, key: Key, duration: Duration, limits: Iterable[str] = ()) -> timedelta:
        """Admits nobody for `duration`. Answers the time until the hold ends. A duration of 0 lifts the hold."""
        return from_ms(self._ask(calls.hold(key, duration, limits)))

    def sync(
        self,
        key: Key,
        left: Union[int, Left, Mapping[str, Left]],
        reset: Optional[Duration] = None,
        *,
        of: Optional[int] = None,
        age: Optional[Duration] = None,
    ) -> Amounts:
        """Tells what is left by somebody else's count, of a single limit or by limit. Answers what is used elsewhere.

        `left` below 0 is a debt. `reset` and `of` are those of a single limit: when it begins anew there, and what it is there. `age` is
        how long ago the request was sent whose response said all this.
        """
        return self._ask(calls.sync(key, Left(left, reset, of) if isinstance(left, int) else left, age))

    def info(self, key: Key) -> Optional[Info]:
        """Answers everything about a key, or None."""
        return self._ask(calls.info(key))

    def top(self, by: Optional[str] = None, count: Optional[int] = None) -> list[TopKey]:
        """Answers the keys that were `denied`, `admitted` or `held` most."""
        return self._ask(calls.top(by, count))

    def top_reset(self) -> None:
        """Begins the counts of `top` anew."""
        self._ask(calls.top_reset())

    def policies(self) -> list[str]:
        """Answers the names of the policies."""
        return self._ask(calls.policies())

    def policy_get(self, name: str) -> Optional[list[Limit]]:
        """Answers the limits of a policy, or None."""
        return self._ask(calls.policy_get(name))

    def policy_set(self, name: str, limits: Iterable[Limit]) -> None:
        """Sets the limits of a policy, at once for all callers. In a cluster, on each primary."""
        self._ask(calls.policy_set(name, limits))

    def policy_delete(self, name: str) -> bool:
        """Deletes a policy. Answers whether there was one."""
        return self._ask(calls.policy_delete(name))

    def overrides(self, name: str) -> Optional[list[bytes]]:
        """Answers the keys that have limits of their own under a policy, or None if there is no such policy."""
        return self._ask(calls.overrides(name))

    def override_get(self, name: str, key: Key) -> Optional[list[Limit]]:
        """Answers the limits of one key under a policy, or None if it has none of its own."""
        return self._ask(calls.override_get(name, key))

    def override_set(self, name: str, key: Key, limits: Iterable[Limit]) -> None:
        """Gives one key limits of its own under a policy, instead of those of the policy."""
        self._ask(calls.override_set(name, key, limits))

    def override_delete(self, name: str, key: Key) -> None:
        """Takes the limits of one key away. Then it goes by the policy again."""
        self._ask(calls.override_delete(name, key))

    def _abandon(self, key: Key, id: str) -> None:
        """Gives a reservation back of which nobody knows whether it was made."""
        try:
            self._ask(calls.cancel(key, id))
        except RateLimitError:
            pass  # its ttl frees the slot

    def close(self) -> None:
        """Closes the connections."""
        self._gate.close()

    def __enter__(self) -> Limiter:
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]) -> None:
        self.close()
