"""A connection to a server, for asyncio. `_sync/link.py` is the same for threads."""

from __future__ import annotations

import asyncio
import select
from typing import Any, Optional, Sequence

from ..errors import Unavailable
from ..settings import Address, Settings


def _is_readable(descriptor: int) -> bool:
    if not hasattr(select, "poll"):
        return bool(select.select([descriptor], [], [], 0)[0])
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


class Link:
    """One connection. It is opened when it is first used, and asked one command at a time."""

    def __init__(self, settings: Settings, address: Optional[Address], timeout: float) -> None:
        self._settings = settings
        self.address = address
        self._connection = settings.make(address, {"socket_timeout": None, "socket_connect_timeout": timeout})

    async def ask(self, words: Sequence[Any], seconds: float) -> Any:
        """Returns the reply. Every failure is an error of this package, after at most `seconds`."""
        connection = self._connection
        try:
            async with asyncio.timeout(seconds):
                if self._has_ended():
                    await connection.disconnect(nowait=True)
                if not connection.is_connected:
                    await connection.connect()
                await connection.send_command(*words)
                return await connection.read_response()
        except TimeoutError:
            await self.close()
            raise Unavailable("the server did not answer in time") from None
        except (self._settings.exceptions().RedisError, OSError) as error:
            if not self._settings.answered(error):
                await self.close()
            raise self._settings.failure(error, self.host) from error
        except BaseException:
            # A request that waits in the server's line leaves it.
            await self.close()
            raise

    @property
    def host(self) -> str:
        return str(getattr(self._connection, "host", ""))

    def _has_ended(self) -> bool:
        """Says whether the server has closed the connection since its last use, even if the event loop has not noticed it yet."""
        writer = getattr(self._connection, "_writer", None)
        sock = None if writer is None else writer.get_extra_info("socket")
        # Nothing is to be read from a connection that nobody has asked.
        return sock is not None and (sock.fileno() < 0 or _is_readable(sock.fileno()))

    async def close(self) -> None:
        await self._connection.disconnect(nowait=True)
