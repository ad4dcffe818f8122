"""The options of a transport."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Callable, Mapping, Optional, Union

from ..durations import Duration, to_ms
from .asked import Asked

OfModel = Union[str, Mapping[str, str], Callable[[str], Optional[str]], None]
Priority = Union[str, int, None]
Estimate = Callable[[Mapping[str, Any]], int]


@dataclass(frozen=True)
class Options:
    """See `redis_rl.httpx.Transport`."""

    key: OfModel = None
    policy: OfModel = None
    profile: Optional[str] = None
    priority: Union[Priority, Callable[[], Priority]] = None
    flow: Union[str, Callable[[], Optional[str]], None] = None
    wait: float = 60
    ttl: Duration = 60
    tries: int = 5
    margin: Optional[float] = None
    expected_output: int = 500
    estimate: Optional[Estimate] = None

    @classmethod
    def of(cls, wait: Duration, **rest: Any) -> Options:
        return cls(wait=to_ms(wait) / 1000, **rest)

    def policy_of(self, model: str, default: Optional[str]) -> Optional[str]:
        """Returns the policy of a model. A function may answer None: such a request is not limited."""
        if callable(self.policy):
            return self.policy(model)
        name = self.policy.get(model, default) if isinstance(self.policy, Mapping) else self.policy or default
        if name is None:
            raise ValueError(f"no policy for the model {model}: name one in policy= of the transport or of the limiter")
        return name

    def key_of(self, model: str, policy: str) -> str:
        """Returns the key: the policy's name unless `key` says else."""
        if self.key is None:
            return policy
        found = self.key if isinstance(self.key, str) else self.key.get(model) if isinstance(self.key, Mapping) else self.key(model)
        return policy if found is None else found

    def lane(self) -> Priority:
        return self.priority() if callable(self.priority) else self.priority

    def flow_of(self) -> Optional[str]:
        return self.flow() if callable(self.flow) else self.flow

    def estimated(self, asked: Asked) -> Asked:
        """Returns the request with the caller's own estimate of its input, if there is one."""
        return asked if self.estimate is None else replace(asked, input=self.estimate(asked.body), cached=0)
