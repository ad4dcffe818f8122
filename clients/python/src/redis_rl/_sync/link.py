"""A connection to a server, for threads. `_async/link.py` is the same for asyncio."""

from __future__ import annotations

import time
from typing import Any, Optional, Sequence

from ..errors import Unavailable
from ..settings import Address, Settings


class Link:
    """One connection. It is opened when it is first used, and asked one command at a time."""

    def __init__(self, settings: Settings, address: Optional[Address], timeout: float) -> None:
        self._settings = settings
        self.address = address
        self._open = False
        self._connection = settings.make(address, {"socket_timeout": timeout, "socket_connect_timeout": timeout})

    def ask(self, words: Sequence[Any], seconds: float) -> Any:
        """Returns the reply. Every failure is an error of this package, after at most `seconds` (and `timeout`, if a step hangs)."""
        connection = self._connection
        end = time.monotonic() + seconds
        try:
            if self._open and self._has_ended():
                self.close()
            if not self._open:
                connection.connect()
                self._open = True
            connection.send_command(*words)
            if not connection.can_read(max(0.0, end - time.monotonic())):
                self.close()
                raise Unavailable("the server did not answer in time")
            return connection.read_response()
        except (self._settings.exceptions().RedisError, OSError) as error:
            if not self._open or not self._settings.answered(error):
                self.close()
            raise self._settings.failure(error, self.host) from error
        except BaseException:
            self.close()
            raise

    @property
    def host(self) -> str:
        return str(getattr(self._connection, "host", ""))

    def _has_ended(self) -> bool:
        """Says whether the server has closed the connection since its last use."""
        try:
            return bool(self._connection.can_read(0))
        except (self._settings.exceptions().RedisError, OSError):
            return True

    def close(self) -> None:
        self._open = False
        self._connection.disconnect()
