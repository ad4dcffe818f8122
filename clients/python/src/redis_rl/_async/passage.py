"""`AsyncPassage`: a response's bytes on their way to the reader. `Passage` is made from it."""

from __future__ import annotations

from typing import Any, AsyncIterator, Callable

from ..transport.meter import Meter
from .shield import to_the_end


class AsyncPassage:
    """Lets each piece through as it comes, and settles when the stream ends or is closed."""

    def __init__(self, stream: Any, meter: Meter, settle: Callable[[bool], Any], forget: Callable[[], None]) -> None:
        self._stream, self._meter, self._settle, self._forget = stream, meter, settle, forget
        self._is_settled = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            self._meter.feed(chunk)
            yield chunk
        await self._end(True)

    async def aclose(self) -> None:
        try:
            await self._stream.aclose()
        finally:
            await self._end(False)

    async def _end(self, is_whole: bool) -> None:
        if not self._is_settled:
            self._is_settled = True
            await to_the_end(self._settle(is_whole))

    def __del__(self) -> None:
        # Nobody has closed it: its reservation is renewed no longer.
        if not self._is_settled:
            self._forget()
