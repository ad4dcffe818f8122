"""Reads what was used while a response passes. It keeps a copy of what it needs, and changes and delays nothing."""

from __future__ import annotations

import json
import zlib
from typing import Any, Mapping, Optional

from ..profiles import Profile
from .asked import BYTES_PER_TOKEN

_PRODUCED = ("text", "partial_json", "thinking", "content", "reasoning", "refusal")
BODY_MAX = 32 * 1024 * 1024
"""Of a longer body, no usage is read: the estimate stays charged."""


class Meter:
    """Takes the bytes of a response as they come over the wire."""

    def __init__(self, profile: Profile, headers: Mapping[str, str]) -> None:
        self._usage = profile.usage()
        self._usage.headers(headers)
        self._is_stream = headers.get("content-type", "").split(";")[0].strip() == "text/event-stream"
        self._decode = _decoder(headers.get("content-encoding", "identity").strip().lower())
        self._body, self._line = bytearray(), bytearray()
        self._event: Optional[str] = None
        self._data: list[bytes] = []
        self._produced = 0

    def feed(self, chunk: bytes) -> None:
        """Takes a piece. What is not understood is left out."""
        try:
            text = self._decode(chunk)
        except zlib.error:
            self._decode = _nothing
            return
        if not self._is_stream:
            if len(self._body) + len(text) <= BODY_MAX:
                self._body += text
            else:
                self._decode = _nothing
                self._body.clear()
            return
        self._line += text
        if b"\n" in text or b"\r" in text:
            # A CR at the end may be the first half of a CR LF.
            held = b"\r" if self._line.endswith(b"\r") else b""
            *lines, rest = bytes(self._line[: len(self._line) - len(held)]).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
            self._line = bytearray(rest + held)
            for line in lines:
                self._take(line)

    def _take(self, line: bytes) -> None:
        if line.startswith(b"data:"):
            self._data.append(line[5:].lstrip(b" "))
        elif line.startswith(b"event:"):
            self._event = line[6:].strip().decode("utf-8", "replace")
        elif not line:
            self._end_event()

    def _end_event(self) -> None:
        name, data = self._event, b"\n".join(self._data)
        self._event, self._data = None, []
        try:
            body = json.loads(data) if data else None
        except ValueError:
            return
        self._usage.event(name, body)
        self._produced += _delta_bytes(body)

    def end(self, is_whole: bool) -> dict[str, int]:
        """Returns what was used: by what the response says, and for a stream that ended early by what has passed."""
        if not self._is_stream and is_whole:
            try:
                self._usage.body(json.loads(self._body)) if self._body else None
            except ValueError:
                pass
        units = dict(self._usage.units)
        if self._is_stream and not is_whole and units:
            units["output-tokens"] = max(units.get("output-tokens", 0), -(-self._produced // BYTES_PER_TOKEN))
            units.pop("tokens", None)
        if "tokens" not in units and "input-tokens" in units and "output-tokens" in units:
            units["tokens"] = units["input-tokens"] + units["output-tokens"]
        return units


def _nothing(chunk: bytes) -> bytes:
    return b""


def _decoder(encoding: str) -> Any:
    if encoding in ("", "identity"):
        return lambda chunk: chunk
    if encoding in ("gzip", "x-gzip"):
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress
    return zlib.decompressobj().decompress if encoding == "deflate" else _nothing


def _delta_bytes(body: Any) -> int:
    """Returns the bytes of text that an event adds."""
    if not isinstance(body, dict):
        return 0
    deltas = [body.get("delta")]
    deltas += [choice.get("delta") for choice in body.get("choices") or () if isinstance(choice, dict)]
    total = 0
    for delta in deltas:
        values = [part for name, part in delta.items() if name in _PRODUCED] if isinstance(delta, dict) else [delta]
        total += sum(len(value.encode("utf-8", "replace")) for value in values if isinstance(value, str))
    return total
