"""`Passage`: a response's bytes on their way to the reader. Made from `_async` by tools/make_sync.py."""

from __future__ import annotations

from typing import Any, Iterator, Callable

from ..transport.meter import Meter
from .shield import to_the_end


class Passage:
    """Lets each piece through as it comes, and settles when the stream ends or is closed."""

    def __init__(self, stream: Any, meter: Meter, settle: Callable[[bool], Any], forget: Callable[[], None]) -> None:
        self._stream, self._meter, self._settle, self._forget = stream, meter, settle, forget
        self._is_settled = False

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._stream:
            self._meter.feed(chunk)
            yield chunk
        self._end(True)

    def close(self) -> None:
        try:
            self._stream.close()
        finally:
            self._end(False)

    def _end(self, is_whole: bool) -> None:
        if not self._is_settled:
            self._is_settled = True
            to_the_end(self._settle(is_whole))

    def __del__(self) -> None:
        # Nobody has closed it: its reservation is renewed no longer.
        if not self._is_settled:
            self._forget()
