"""What a call really used, by a profile: from the body, the events of a stream, or the headers."""

from __future__ import annotations

from typing import Any, Mapping, Optional

UNITS = ("input-tokens", "output-tokens", "tokens")


def at(body: Any, path: str) -> Any:
    """Returns what is at a path such as `usage.input_tokens`, or None."""
    for name in path.split("."):
        body = body.get(name) if isinstance(body, dict) else None
    return body


def _number(body: Any, path: str) -> Optional[int]:
    value = at(body, path)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _first(body: Any, paths: Any) -> tuple[Optional[int], str]:
    for path in paths or ():
        value = _number(body, path)
        if value is not None:
            return value, path
    return None, ""


class Usage:
    """Adds up what a response says. The latest value of a unit counts.

    >>> usage = Usage({"body": {"output-tokens": ["usage.output_tokens"]}})
    >>> usage.body({"usage": {"output_tokens": 812}})
    >>> usage.units
    {'output-tokens': 812}
    """

    def __init__(self, facts: Mapping[str, Any]) -> None:
        self._facts = facts
        self.units: dict[str, int] = {}

    def body(self, body: Any) -> None:
        """Reads a whole body."""
        self._take(body, self._facts.get("body", {}), self._facts.get("add", {}))

    def event(self, name: Optional[str], body: Any) -> None:
        """Reads an event of a stream. An event without a name may tell it in its `type`."""
        kind = name or (body.get("type") if isinstance(body, dict) else None)
        for facts in self._facts.get("stream", ()):
            if facts["event"] is None or facts["event"] == kind:
                self._take(body, facts, facts.get("add", {}))

    def headers(self, headers: Mapping[str, str]) -> None:
        """Reads headers that count tokens."""
        for unit, header in self._facts.get("headers", {}).items():
            value = headers.get(header, "")
            if value.isascii() and value.isdigit():
                self.units[unit] = int(value)

    def _take(self, body: Any, facts: Mapping[str, Any], more: Mapping[str, Any]) -> None:
        for unit in UNITS:
            value, path = _first(body, facts.get(unit))
            if value is None:
                continue
            for added in more.get(unit, ()):
                value += _number(body, added) or 0
            # What is excluded is counted in what it is a part of: `prompt_tokens_details.cached_tokens` in `prompt_tokens`, and in all.
            for part in self._facts.get("excluded", ()):
                if part.startswith(f"{path}_details.") or (unit == "tokens" and "_details." in part):
                    value -= _number(body, part) or 0
            self.units[unit] = max(0, value)
